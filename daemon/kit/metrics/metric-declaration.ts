/** One metric: everything that is told of it stands in a table, by its name; the code only gives it values. */
export interface MetricDeclaration {
  readonly type: 'counter' | 'gauge' | 'summary' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[]
}
