import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatNotice, STATUS_BYTES_MAX, takeNotifyOptions } from '../../../src/net/linux/notify-socket.ts';
import { encodeUnixAddress } from '../../../src/net/linux/wire-structs.ts';

const terms: readonly [name: string, environment: NodeJS.ProcessEnv, expected: unknown][] = [
  ['no service manager', {}, undefined],
  ['an empty socket name', { NOTIFY_SOCKET: '' }, undefined],
  ['a watchdog without a socket', { WATCHDOG_USEC: '1000000' }, undefined],
  ['a path', { NOTIFY_SOCKET: '/run/notify' }, { socket: '/run/notify', watchdogMs: undefined }],
  [
    'a watchdog for this process',
    { NOTIFY_SOCKET: '@n', WATCHDOG_USEC: '30000000', WATCHDOG_PID: '42' },
    { socket: '@n', watchdogMs: 30_000 },
  ],
  ['a watchdog for any process', { NOTIFY_SOCKET: '@n', WATCHDOG_USEC: '100000' }, { socket: '@n', watchdogMs: 100 }],
  [
    'a watchdog for another process',
    { NOTIFY_SOCKET: '@n', WATCHDOG_USEC: '30000000', WATCHDOG_PID: '43' },
    { socket: '@n', watchdogMs: undefined },
  ],
  ...['0', '-1', 'x', '99999', '99999999999999999999', '1e9', ''].map((value): [string, NodeJS.ProcessEnv, unknown] => [
    `an interval of ${JSON.stringify(value)} is ignored`,
    { NOTIFY_SOCKET: '@n', WATCHDOG_USEC: value },
    { socket: '@n', watchdogMs: undefined },
  ]),
];

for (const [name, environment, expected] of terms) {
  test(`the environment: ${name}`, () => {
    const rest = { ...environment, PATH: '/bin' };
    assert.deepEqual(takeNotifyOptions(rest, 42), expected);
    assert.deepEqual(rest, { PATH: '/bin' }, 'child processes must not notify for this process');
  });
}

test('a message has one assignment per line, whatever the values contain', () => {
  assert.equal(formatNotice({ READY: '1', STATUS: 'all is well' }), 'READY=1\nSTATUS=all is well');
  assert.equal(formatNotice({ STATUS: 'a\nREADY=1\r\n\0b\u2028c' }), 'STATUS=a READY=1 \\x00b c');
  const long = formatNotice({ STATUS: 'ä'.repeat(STATUS_BYTES_MAX) });
  assert.match(long, /^STATUS=ä+…$/);
  assert.ok(Buffer.byteLength(long) <= STATUS_BYTES_MAX + 'STATUS='.length);
});

test('a socket is named by a path, or with @ in the abstract namespace', () => {
  const bytes = (name: string) => {
    const address = encodeUnixAddress(name);
    return address === undefined ? undefined : Buffer.from(address).toString('latin1');
  };
  assert.equal(bytes('/run/n'), '\x01\0/run/n\0');
  assert.equal(bytes('@n'), '\x01\0\0n', 'its length ends the name');
  assert.equal(bytes('@'), undefined);
  assert.equal(bytes(''), undefined);
  assert.equal(bytes(`/${'x'.repeat(106)}`)?.length, 110);
  assert.equal(bytes(`/${'x'.repeat(107)}`), undefined);
  assert.equal(bytes(`@${'x'.repeat(107)}`)?.length, 110);
  assert.equal(bytes(`@${'x'.repeat(108)}`), undefined);
});
