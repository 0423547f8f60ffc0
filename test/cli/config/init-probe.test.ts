// The words of `init` about a network on which nobody answered.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answeredText, bewareText, chooseText } from '../../../src/cli/config/init-probe.ts';
import { ANY, networkOf, parseIpv4 } from '../../../src/net/address.ts';

const address = parseIpv4('192.168.1.7') ?? ANY;
const place = { name: 'eth0', address, network: networkOf(address, 24) };

test('silence is not proof where the default router is, or where nobody could be asked', () => {
  assert.equal(bewareText(place, { servers: [] }, false), undefined);
  assert.match(bewareText(place, { servers: [] }, true) ?? '', /leads to the default router.*--mode proxy$/);
  for (const isDefaultRoute of [true, false])
    assert.equal(
      bewareText(place, { servers: [], unasked: 'that needs root' }, isDefaultRoute),
      'could not look for other DHCP servers on eth0 (that needs root): if another server gives the addresses there, use --mode proxy',
    );
});

test('a refusal names every server', () => {
  const text = chooseText(answeredText(place, { servers: ['192.168.1.1 (offers 192.168.1.50)', '192.168.1.2'] }));
  assert.match(
    text,
    /^another DHCP server answers on eth0: 192\.168\.1\.1 \(offers 192\.168\.1\.50\), 192\.168\.1\.2\. Two/,
  );
});
