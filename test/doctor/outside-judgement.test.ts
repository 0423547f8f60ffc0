// The doctor's judgement on the upstream name servers, by their answer to a public name.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgePublicName } from '../../src/doctor/doctor.ts';
import { ipv4 } from '../../src/ground/address.ts';

const UPSTREAM = [{ address: ipv4(0xc0a80101) }];
const CASES: readonly (readonly [
  name: string,
  rcode: number,
  addresses: readonly string[],
  kind: string,
  text: RegExp,
])[] = [
  ['an address', 0, ['198.51.100.7'], 'ok', /^is 198\.51\.100\.7$/],
  ['no such name', 3, [], 'note', /\(192\.168\.1\.1\) answer that there is no such name \(NXDOMAIN\)$/],
  ['no address', 0, [], 'note', /has no address/],
  ['a failure', 2, [], 'BAD', /^was answered with SERVFAIL; do the servers/],
  ['a refusal', 5, [], 'BAD', /^was answered with REFUSED; /],
  ['an unknown code', 23, [], 'BAD', /^was answered with code 23; /],
];
for (const [name, rcode, addresses, kind, text] of CASES) {
  test(`${name} as the answer to a public name is ${kind}`, () => {
    const found = judgePublicName({ rcode, addresses }, 'debian.org', UPSTREAM);
    assert.equal(found.isNote === true ? 'note' : found.ok ? 'ok' : 'BAD', kind);
    assert.match(found.text, text);
    assert.equal(found.fix !== undefined, kind === 'BAD', 'a fault has a fix');
  });
}
