// The life of a machine by the command line, on a real daemon and real sockets of loopback: accepted, allocated with an address that DHCP
// gives it and DNS names, even after a kill, refused where it must be, released.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { mac } from '../../src/ground/address.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { addressOf, askName, DhcpProbes } from '../support/probes.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { type Ended, eventually, type RunningRack, well } from '../support/running-rack.ts';
import { rackWithStaticRange } from '../support/switched-rack.ts';

const PLACE = labPlace(70);
const RACK = `${PLACE.octets}.1`;
const MACHINE = '52:54:00:b0:77:01';
const MAC = mac(0x525400b07701);

describe('the command line through the life of a machine', { skip: missing('linux', 'curl') }, () => {
  let rack: RunningRack;
  let probes: DhcpProbes;

  before(async () => {
    rack = rackWithStaticRange(PLACE);
    probes = await DhcpProbes.open(PLACE);
    await rack.startWhole();
    // As the agent reports it, at the rack's own address in the machine's network.
    const form = ['architecture=amd64', 'subarchitecture=generic', 'power_type=', `mac_addresses=${MACHINE}`];
    const url = `http://${RACK}:${PLACE.httpPort}/MAAS/api/2.0/machines/`;
    const fields = form.flatMap((field) => ['--data-urlencode', field]);
    execFileSync('curl', ['-sSf', '--interface', `${PLACE.octets}.50`, ...fields, url], { timeout: 10_000 });
  });
  after(async () => {
    await probes.close();
    await rack.remove();
  });

  const machines = (...words: readonly string[]): Promise<Ended> => rack.rackboot('machines', ...words);
  const said = async (asked: Promise<Ended>): Promise<string> => {
    const output = await well(asked);
    return output;
  };
  const refused = async (asked: Promise<Ended>): Promise<string> => {
    const { code, complaints } = await asked;
    assert.notEqual(code, 0);
    return complaints.join('\n');
  };
  const named = async (name: string): Promise<string | undefined> =>
    (await askName(RACK, PLACE.dnsPort, name)).value.address;

  test('accepts it without commissioning, and allocates it with an address of the static range', async () => {
    const possible = await refused(machines('allocate', MACHINE));
    assert.match(possible, /is in the state New: allocate is not possible\. Possible: accept/);
    assert.match(await said(machines('accept', MACHINE, '--skip-commissioning')), /is Ready now/);
    const allocated = await said(machines('allocate', MACHINE, '--comment', 'for the site'));
    assert.match(allocated, new RegExp(`is Allocated now: for the site; ${PLACE.octets}\\.10`));
    assert.match(
      await refused(machines('accept', MACHINE)),
      /is in the state Allocated: accept is not possible\. Possible: deploy/,
    );
  });

  test('locks it and says so, shows who locked it, and unlocks it', async () => {
    assert.match(await said(machines('lock', MACHINE, '--comment', 'ours')), /\) is locked now \(Allocated\)\.$/);
    assert.match(await said(machines('list')), / Allocated \(locked\) /);
    const shown = await said(machines('show', MACHINE));
    const remedy = /^Lock +by [\w-]+ \(ours\); `.*machines unlock .*` unlocks it$/m;
    assert.match(shown, remedy);
    assert.match(await said(machines('unlock', MACHINE)), /\) is unlocked now \(Allocated\)\.$/);
    assert.doesNotMatch(await said(machines('show', MACHINE)), /^Lock/m);
  });

  test('gives it that address by DHCP and in DNS, even after the daemon was killed', async () => {
    assert.equal(addressOf(await probes.lease(MAC)), `${PLACE.octets}.10`);
    const [machine] = JSON.parse(await said(machines('list', '--json')));
    assert.equal(await named(machine.fqdn), `${PLACE.octets}.10`);
    await rack.kill();
    await rack.startWhole();
    assert.equal(addressOf(await probes.lease(MAC)), `${PLACE.octets}.10`);
    await eventually('its name', async () => (await named(machine.fqdn)) === `${PLACE.octets}.10`);
  });

  test('gives it the address with any client identifier; a new name is in DNS at once, and the old one is gone', async () => {
    assert.equal(addressOf(await probes.lease(MAC, 'system')), `${PLACE.octets}.10`);
    const [before] = JSON.parse(await said(machines('list', '--json')));
    for (const bad of ['10-20-0-1', '$(reboot)']) {
      assert.match(await refused(machines('rename', MACHINE, bad)), /letters, digits and hyphens/i, bad);
    }
    assert.match(await said(machines('rename', MACHINE, 'db-one')), /^db-one\.maas \(/);
    await eventually('its new name', async () => (await named('db-one.maas')) === `${PLACE.octets}.10`);
    await eventually('the end of its old name', async () => (await named(before.fqdn)) === undefined);
  });

  test('does not deploy it for an owner without an SSH key, nor without an image', async () => {
    assert.match(await refused(machines('deploy', MACHINE, 'debian/trixie')), /has no SSH key/);
    const key = join(rack.stateDir, 'key.pub');
    const bytes = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.alloc(36, 7)]);
    writeFileSync(key, `# mine\nssh-ed25519 ${bytes.toString('base64')} me@here\n`);
    const keys = (...words: readonly string[]): Promise<Ended> => rack.rackboot('sshkeys', ...words);
    assert.match(await said(keys('add', key)), /The key is added/);
    assert.match(await said(keys('list')), /ssh-ed25519 +….* me@here/);
    assert.match(await refused(keys('add', key)), /already been added/);
    assert.match(await refused(machines('deploy', MACHINE, 'debian/trixie')), /no image of debian\/trixie for amd64/);
  });

  if (HAS_MANY_ROUNDS)
    test('shows how to log in to debug, and for a rescue', async () => {
      const place = 'no login: the machine is simulated';
      assert.match(
        await said(machines('debug-login', MACHINE, '--for', '2h')),
        new RegExp(`^Debug: ${place} .*for 120 minutes\\)$`),
      );
      assert.match(await refused(machines('debug-login', MACHINE, '--for', '25h')), /from 1 to 86400/);
      await said(machines('debug-login', MACHINE, '--off'));
      const rescued = await said(machines('rescue', MACHINE));
      assert.match(rescued, new RegExp(`is Entering rescue mode now: waiting to be switched on.\\nRescue: ${place} `));
      assert.doesNotMatch(rescued, /host key/);
      assert.match(
        await said(machines('logins', MACHINE)),
        new RegExp(`^Rescue: ${place} {2}\\(the key of [\\w-]+\\)$`),
      );
      assert.match(await said(machines('exit-rescue', MACHINE)), /is Allocated now/);
    });

  test('releases, retires and removes it', async () => {
    const [machine] = JSON.parse(await said(machines('list', '--json')));
    assert.match(await said(machines('release', MACHINE)), /is Ready now/);
    await eventually('the end of its name', async () => (await named('db-one.maas')) === undefined);
    const freed = JSON.parse(await said(machines('list', '--json')));
    assert.equal(freed[0]?.owner, null);
    assert.match(await said(machines('retire', MACHINE)), /is Retired now/);
    assert.match(await said(machines('remove', MACHINE)), /is removed/);
    assert.equal(machine.system_id, freed[0]?.system_id);
  });
});
