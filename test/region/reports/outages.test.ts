// Outages of the region's store are codes with parameters until a person reads them.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import pg from 'pg';
import { isStoreUnavailable, RackError } from '../../../src/ground/errors.ts';
import { describeOutage, noteText, type Outage, StoreOutage } from '../../../src/region/reports/notes.ts';
import { explainPostgres, explainWhileRunning, isRepeatable } from '../../../src/store/postgres/postgres-faults.ts';

/** An error of the driver or of Node. */
/** As the driver makes it if the code is of PostgreSQL, which begins with a digit, or else as Node does. */
const coded = (code: string, message: string): Error =>
  Object.assign(/^[\dU]/.test(code) ? new pg.DatabaseError(message, 0, 'error') : new Error(message), { code });

/** The outage that an error means to a running process. */
function meaningOf(error: Error): Outage {
  const explained = explainWhileRunning(error);
  assert.ok(isStoreUnavailable(explained), String(explained));
  assert.equal(explained.cause, error);
  return describeOutage(explained);
}

test('a plan that no longer fits is run again, in whatever language the database says so', () => {
  const said = coded('0A000', 'gecachter Plan darf den Ergebnistyp nicht ändern');
  assert.equal(isRepeatable(said, false), false);
  assert.equal(isRepeatable(Object.assign(said, { routine: 'RevalidateCachedQuery' }), true), true);
});

for (const [code, isAlone, isRepeated] of [
  ['40001', true, true],
  ['40P01', true, true],
  ['23505', false, true],
  ['23503', false, true],
  ['23505', true, false],
  ['23503', true, false],
] as const)
  test(`a transaction that ends with ${code} ${isAlone ? 'alone' : 'among others'} ${isRepeated ? 'runs' : 'does not run'} again`, () =>
    assert.equal(isRepeatable(coded(code, 'x'), isAlone), isRepeated));

type Case = readonly [error: Error, outage: Outage, sentence: RegExp];
const unusable = (fault: string, said: string): Outage => ({ note: 'database-unusable', fault, said });
const refuses = (fault: string, said: string): Outage => ({ note: 'database-refuses', fault, said });
const CASES: readonly Case[] = [
  [coded('53100', 'no space'), unusable('disk-full', 'no space'), /cannot be used now \(no space\): make room on the /],
  [
    coded('53300', 'too many'),
    unusable('connections-taken', 'too many'),
    /max_connections, or lower region\.store\.pool$/,
  ],
  [coded('53200', 'memory'), unusable('short-of-resources', 'memory'), /too little memory or disk: see its log$/],
  [
    coded('25006', 'read-only'),
    unusable('read-only', 'read-only'),
    /turn default_transaction_read_only off; .*name the primary in region\.store\.url$/,
  ],
  [
    coded('57P01', 'ending'),
    unusable('stopping', 'ending'),
    /stopping or starting: see its log, and whether its disk has room$/,
  ],
  [coded('57014', 'timeout'), unusable('slow', 'timeout'), /took too long: see its load$/],
  [coded('55P03', 'lock'), unusable('locked', 'lock'), /has held a lock for too long: see pg_stat_activity$/],
  [coded('XX001', 'page'), unusable('damaged', 'page'), /is damaged: see its log, and restore a backup$/],
  [
    coded('ECONNREFUSED', 'refused'),
    unusable('unreached', 'refused'),
    /whether the database runs and its disk has room, and region\.store\.url$/,
  ],
  [
    new Error('timeout exceeded when trying to connect'),
    unusable('pool-taken', 'timeout exceeded when trying to connect'),
    /all connections of region\.store\.pool are in use/,
  ],
  [
    coded('28P01', 'no'),
    refuses('wrong-password', 'no'),
    /refuses \(no\): the password is wrong: .*region\.store\.password_file/,
  ],
  [coded('42P01', 'no table'), refuses('table-missing', 'no table'), /a table is missing: see the search_path/],
  ...['EACCES', 'ENOTDIR', 'EAFNOSUPPORT', 'ENETDOWN'].map((code): (typeof CASES)[number] => [
    coded(code, `connect ${code}`),
    unusable('unreached', `connect ${code}`),
    /whether the database runs/,
  ]),
  [
    new Error('received invalid response: 4a'),
    refuses('another-server', 'received invalid response: 4a'),
    /not speak the protocol of PostgreSQL: .*region\.store\.url$/,
  ],
  [
    coded('INVALID_PURPOSE', 'unsuitable certificate purpose'),
    { note: 'database-untrusted', said: 'unsuitable certificate purpose' },
    /cannot be trusted \(unsuitable certificate purpose\): see region\.store\.ca_file/,
  ],
  [
    new Error('SASL: client password must be a string'),
    { note: 'database-asks-password' },
    /asks for a password: .*region\.store\.password_file$/,
  ],
  [
    coded('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed'),
    { note: 'database-untrusted', said: 'self-signed' },
    /cannot be trusted \(self-signed\): see region\.store\.ca_file/,
  ],
];

describe('an error of the database', () => {
  for (const [error, outage, sentence] of CASES)
    test(`${error.message} is ${outage.note}; the answer to a request makes the sentence`, () => {
      assert.deepEqual(meaningOf(error), outage);
      assert.match(noteText(outage), sentence);
    });

  for (const [code, isReadAgain] of [
    ['3D000', false],
    ['28P01', true],
  ] as const)
    test(`a process that starts is refused by the same sentence, and ends, so it reads no file again (${code})`, () => {
      const error = coded(code, 'no');
      const explained = explainPostgres(error);
      assert.ok(explained instanceof RackError && explained.code === 'store-refused');
      const again = isReadAgain ? ', which is read again for each connection, without a restart' : '';
      assert.equal(`${explained.message}${again}`, noteText(meaningOf(error)));
    });
});

test('an error without an outage is quoted; a code of a later version stands for itself', () => {
  const outage = describeOutage(new RackError('store-unavailable', 'region.db cannot be opened'));
  assert.deepEqual(outage, { note: 'store-trouble', reason: 'region.db cannot be opened' });
  assert.match(new StoreOutage(unusable('on-holiday', 'closed')).message, /cannot be used now \(closed\): on-holiday$/);
});
