// Networks and interfaces by the command lines of MAAS's own client, as its handbook has them: both versions of the API.
// @host waits

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { systemClock } from '../../../src/ground/clock.ts';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { type LiveRegion, startRegion } from '../../region/live.ts';
import { enlist, report } from '../../region/place.ts';
import { printedBy } from '../../support/printed.ts';

const home = mkdtempSync(join(tmpdir(), 'rackboot-networks-'));
process.env.XDG_CONFIG_HOME = home;

let live: LiveRegion;
let systemId: string;
before(async () => {
  live = await startRegion();
  const key = await createApiKey(live.region.store, systemClock, 'admin');
  for (const [profile, version] of [
    ['young', '2.0'],
    ['old', '1.0'],
  ] as const)
    assert.equal((await run('login', profile, `${live.origin}/MAAS/api/${version}/`, key)).result, 0);
  ({ systemId } = await enlist(live.region, report([0x525400000001], { username: 'admin' })));
});
after(async () => {
  await live.close();
  rmSync(home, { recursive: true });
});

const run = (...words: readonly string[]) => printedBy(() => runCommandLine(words));

/** The JSON that `maas` prints for a line of words without blanks. */
async function maas(line: string): Promise<ReturnType<typeof JSON.parse>> {
  const { result, text, complaint } = await run('maas', ...line.split(' '));
  assert.equal(result, 0, `${line}: ${complaint}${text}`);
  return text.trim() === '' ? undefined : JSON.parse(text);
}

test('a VLAN, a subnet in it, and an interface for its frames', async () => {
  const [{ id: fabric }] = await maas('young fabrics read');
  const vlan = await maas(`young vlans create ${fabric} name=storage vid=100 mtu=9000`);
  assert.deepEqual([vlan.vid, vlan.name, vlan.mtu], [100, 'storage', 9000]);
  assert.deepEqual(await maas(`young vlan read ${fabric} 100`), vlan);
  const subnet = await maas(`young subnets create cidr=10.30.0.0/24 vlan=${vlan.id} gateway_ip=10.30.0.1`);
  const [{ id: parent }] = await maas(`young interfaces read ${systemId}`);
  const made = await maas(`young interfaces create-vlan ${systemId} vlan=${vlan.id} parent=${parent}`);
  assert.deepEqual([made.type, made.name, made.vlan], ['vlan', 'eth0.100', vlan]);
  const link = `mode=STATIC subnet=${subnet.id} ip_address=10.30.0.9 default_gateway=true`;
  const linked = await maas(`young interface link-subnet ${systemId} ${made.id} ${link}`);
  assert.deepEqual([linked.links[0].ip_address, linked.links[0].subnet], ['10.30.0.9', subnet]);
  assert.deepEqual((await maas(`young interface add-tag ${systemId} ${made.id} tag=fast`)).tags, ['fast']);
  assert.deepEqual((await maas(`young interface remove-tag ${systemId} ${made.id} tag=fast`)).tags, []);
  assert.equal((await maas(`young interface update ${systemId} ${made.id} mtu=1400`)).effective_mtu, 1400);
  await maas(`young interface delete ${systemId} ${made.id}`);
  assert.equal((await maas(`young interfaces read ${systemId}`)).length, 1);
});

test('addresses and networks, and discovered hosts', async () => {
  await maas('young subnets create cidr=10.40.0.0/24 name=lan');
  assert.equal((await maas('young ipaddresses reserve subnet=10.40.0.0/24')).ip, '10.40.0.1');
  assert.equal((await maas('young ipaddresses reserve ip=10.40.0.7')).subnet.cidr, '10.40.0.0/24');
  assert.equal((await maas('old ipaddresses reserve network=10.40.0.0/24 requested_address=10.40.0.8')).alloc_type, 4);
  await maas('young ipaddresses release ip=10.40.0.7');
  await maas('old ipaddresses release ip=10.40.0.8');
  const kept = (await maas('old ipaddresses read')).map(({ ip }: { readonly ip: string }) => ip);
  assert.deepEqual(kept, ['10.40.0.1']);
  await maas('old network connect-macs lan macs=52:54:00:00:00:01');
  const networks: readonly { readonly name: string }[] = await maas(`old networks read node=${systemId}`);
  assert.deepEqual(
    networks.map(({ name }) => name),
    ['lan'],
  );
  await maas('young discoveries clear all=true');
  assert.deepEqual(await maas('young discoveries read'), []);
});
