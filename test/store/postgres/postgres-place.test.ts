// To which host the driver connects, and whether by TLS.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { createPoolConfig } from '../../../src/store/postgres/postgres-place.ts';

/** The host whose certificate is checked; false: no TLS. */
type Checked = string | false;

const CASES: readonly (readonly [url: string, host: string, checked: Checked, ca?: string])[] = [
  ['postgresql://u@db.example/r', 'db.example', 'db.example'],
  ['postgresql://u@[2001:db8::1]/r', '2001:db8::1', '2001:db8::1'],
  ['postgresql://u@db.example/r?sslmode=disable', 'db.example', false],
  ['postgresql://u@localhost/r', 'localhost', false],
  ['postgresql://u@127.0.0.1/r', '127.0.0.1', false],
  ['postgresql://u@[::1]/r', '::1', false],
  ['postgresql://u@127.0.0.1/r?sslmode=verify-full', '127.0.0.1', '127.0.0.1'],
  ['postgresql://u@127.0.0.1/r', '127.0.0.1', '127.0.0.1', 'PEM'],
  ['postgresql:///r?host=/run/postgresql', '/run/postgresql', false],
  ['postgresql://%2Frun%2Fpostgresql/r', '/run/postgresql', false],
  // The option decides where the driver connects, whatever host comes before the name of the database.
  ['postgresql:///r?host=db.example', 'db.example', 'db.example'],
  ['postgresql://localhost/r?host=db.example', 'db.example', 'db.example'],
  ['postgresql:///r?host=192.0.2.1&sslmode=verify-full', '192.0.2.1', '192.0.2.1'],
  ['postgresql://db.example/r?host=/run/postgresql', '/run/postgresql', false],
];

for (const [url, host, checked, ca] of CASES) {
  const how = checked === false ? 'without TLS' : `by TLS, with the certificate of ${checked}`;
  test(`${url}${ca === undefined ? '' : ' with a ca_file'} is reached at ${host} ${how}`, () => {
    const connection = createPoolConfig({ url, ca: ca === undefined ? undefined : () => ca, pool: 1 });
    const { ssl } = connection;
    assert.equal(new pg.Client(connection).host, host);
    assert.deepEqual(typeof ssl === 'object' ? [ssl.host, ssl.rejectUnauthorized] : ssl, checked && [checked, true]);
  });
}
