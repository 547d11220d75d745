import { expect } from 'chai'
import { fitting, mysqlDsn, openDatabase } from '../../../daemon/kit/database.js'

const problemOf = (dsn: string): string => {
  try {
    return `took it as ${mysqlDsn(dsn)}`
  } catch (error) {
    return (error as Error).message
  }
}

describe('the DSN of a MySQL server', () => {
  it('is taken as a URL, and in the form of Go', () => {
    const url = 'mysql://me:p%40w@db:3307/yard'
    expect(mysqlDsn(url)).to.equal(url)
    expect(mysqlDsn('me:p@w@tcp(db:3307)/yard?parseTime=true&charset=utf8mb4')).to.equal(url)
    expect(mysqlDsn('me:pw@/yard')).to.equal('mysql://me:pw@127.0.0.1:3306/yard')
  })

  it('is refused in any other form, without showing its password', () => {
    for (const dsn of [
      'me:secret@unix(/tmp/sock)/yard',
      'sqlite:secret',
      'secret',
      'me:secret@tcp(db:3306)/yard?tls=true',
    ])
      expect(problemOf(dsn))
        .to.match(/expected mysql:\/\//)
        .and.not.to.include('secret')
    expect(problemOf('mysql://me:sec/ret@db/yard'))
      .to.match(/percent-encoded/)
      .and.not.to.include('ret')
    expect(problemOf('me:secret@tcp(db:x)/yard')).to.equal('expected a host and a port in tcp(…), found db:x')
  })

  it('shows no part of the password when the server does not answer', async () => {
    const problem = await openDatabase({ dsn: 'mysql://me:a:b@c@127.0.0.1:1/yard', migrations: [] }).catch(
      (error: Error) => error.message,
    )
    expect(problem).to.not.match(/a:b|c@/)
  })

  it('texts are cut to their column', () => {
    expect(fitting('abc', 3)).to.equal('abc')
    expect(fitting('abcd', 3)).to.equal('ab…')
  })
})
