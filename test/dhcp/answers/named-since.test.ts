// Since when a client has its address under its name: renewals leave it as it is, so that the first client keeps a name after a restart.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANY } from '../../../src/ground/address.ts';
import { WireRack } from '../../conformance/wire-rack.ts';
import { config, MAC_A, subnet } from '../lab.ts';

const named = (name: string) => [[12, [...Buffer.from(name)]]] as const;

test('a renewal under the same name changes nothing, and another name starts again', async () => {
  const rack = await WireRack.start({ config: config(subnet()) });
  const address = rack.lease(MAC_A, { options: named('files') })?.yiaddr ?? ANY;
  const since = (): number => Number(rack.table.find(address)?.namedAt);
  const first = since();
  assert.equal(first, Number(rack.table.find(address)?.grantedAt));
  for (const [name, isSame] of [
    ['files', true],
    ['other', false],
    ['files', false],
  ] as const) {
    const before = since();
    rack.clock.advance(60_000);
    rack.say({ type: 'request', mac: MAC_A, ciaddr: address, from: address, options: named(name) });
    assert.equal(Number(rack.table.find(address)?.grantedAt), Number(rack.clock.now()), 'it was renewed');
    assert.equal(since() === before, isSame, name);
  }
});
