export type Verdict = 'ok' | 'warn' | 'fail'

/** What a check has found. `remedy`: what to do; only where something is to be done. */
export interface DoctorFinding {
  readonly verdict: Verdict
  readonly about: string
  readonly remedy?: string
}

export const ok = (about: string): DoctorFinding => ({ verdict: 'ok', about })
export const warn = (about: string, remedy: string): DoctorFinding => ({ verdict: 'warn', about, remedy })
export const fail = (about: string, remedy: string): DoctorFinding => ({ verdict: 'fail', about, remedy })
