import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ipv4 } from '../../src/ground/address.ts';
import { RackError, type RackErrorCode } from '../../src/ground/errors.ts';
import { socketError, toSocketError } from '../../src/net/socket-error.ts';

const HERE = { address: ipv4(0x0a140001), port: 67 };

const CASES: readonly (readonly [string, Parameters<typeof socketError>[1], RackErrorCode, RegExp])[] = [
  ['EADDRINUSE', HERE, 'address-in-use', /^10\.20\.0\.1:67 \(UDP\) is in use; .*\(ss -lntup tells which\)/],
  ['EADDRINUSE', { ...HERE, device: 'eth1' }, 'address-in-use', /^10\.20\.0\.1:67 on eth1 \(UDP\) is in use/],
  [
    'EACCES',
    HERE,
    'permission-denied',
    /10\.20\.0\.1:67 .* needs CAP_NET_BIND_SERVICE: run .* or configure a higher port/,
  ],
  ['EPERM', { address: ipv4(0), port: 6767, device: 'eth1' }, 'permission-denied', /needs CAP_NET_RAW/],
  ['EADDRNOTAVAIL', HERE, 'address-not-here', /^10\.20\.0\.1 is not an address of this host; give it/],
  ['ENODEV', { ...HERE, device: 'eth9' }, 'interface-missing', /no network interface eth9; create it/],
  [
    'EACCES',
    { address: ipv4(0), port: 80, protocol: 'TCP' },
    'permission-denied',
    /:80 \(TCP\): .*CAP_NET_BIND_SERVICE/,
  ],
  [
    'EADDRINUSE',
    { ...HERE, protocol: 'TCP', setting: 'dns.listen' },
    'address-in-use',
    /:67 \(TCP\) is in use; .*\(ss -lntup tells which\), .*dns\.listen$/,
  ],
  [
    'EADDRNOTAVAIL',
    { ...HERE, protocol: 'TCP', setting: 'boot.http.listen' },
    'address-not-here',
    /or change boot\.http/,
  ],
  ['EMFILE', HERE, 'socket-refused', /^10\.20\.0\.1:67 \(UDP\) cannot be opened: EMFILE$/],
];

describe('a refused socket', () => {
  for (const [code, place, expected, text] of CASES) {
    it(`for ${code} is ${expected}, names the place and the remedy`, () => {
      const error = socketError(code, place);
      assert.equal(error.code, expected);
      assert.match(error.message, text);
    });
  }

  it('keeps its cause', () => {
    const cause = Object.assign(new Error('bind EACCES'), { code: 'EACCES' });
    const error = toSocketError(cause, HERE);
    assert.equal(error.code, 'permission-denied');
    assert.equal(error.cause, cause);
  });

  it('is unchanged if it is already a RackError', () => {
    const error = new RackError('not-running', 'x');
    assert.equal(toSocketError(error, HERE), error);
  });
});
