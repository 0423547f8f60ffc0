// A rack whose region is another process: registration, two racks on one region, a region that is killed and comes back while machines
// boot, a rack that starts without it, refusals of the region. Real processes and sockets on loopback, by any user. The causes for which
// such a rack does not start are in the long suite.
// @host waits

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { formatMac } from '../../src/ground/address.ts';
import { systemClock } from '../../src/ground/clock.ts';
import { type LabPlace, labPlace } from '../../src/lab/safe-lab.ts';
import { simulatedHardware } from '../../src/lab/simulated-hardware.ts';
import { makeAuthority } from '../support/authority.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { askName } from '../support/probes.ts';
import { postForm } from '../support/rack-form.ts';
import { networkOf, remoteRack } from '../support/remote-rack.ts';
import { eventually, RunningRack, runRackboot, well } from '../support/running-rack.ts';
import { bootSimulatedMachine } from '../support/simulated-boot.ts';

const REGION = labPlace(10);
const FAR = labPlace(11);
const FURTHER = labPlace(12);
/** The first of this file's simulated machines. */
const MACHINE = 1100;

const macOf = (index: number): string => formatMac(simulatedHardware(MACHINE + index).mac);
const boot = (place: LabPlace, index: number, onStep: (name: string) => void = () => undefined) =>
  bootSimulatedMachine(place, MACHINE + index, ({ name }) => onStep(name));

async function statusOf(rack: RunningRack) {
  const { region } = await rack.status();
  return region ?? assert.fail('no region');
}

const isUp = (rack: RunningRack) =>
  eventually('the link is up', async () => (await statusOf(rack)).state === 'up', 30_000);
const isEmpty = (rack: RunningRack) =>
  eventually('the outbox is empty', async () => (await statusOf(rack)).eventsWaiting === 0, 30_000);

/** The machine that the region knows by a simulated machine's address, when it does. */
async function machineOf(region: RunningRack, index: number) {
  const machines = machinesShape.parse(await region.ask('/MAAS/api/2.0/machines/'));
  return machines.find(({ interface_set: nics }) => nics.some(({ mac_address: mac }) => mac === macOf(index)));
}

async function accept(region: RunningRack, name: string): Promise<void> {
  const { code, complaints } = await region.rackboot('racks', 'accept', name);
  assert.deepEqual([code, complaints], [0, []]);
}

describe('a rack with its region in another process', { skip: missing('openssl') }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-remote-tls-'));
  const authority = makeAuthority(directory, systemClock.wallTimeMs());
  const { cert, key } = authority.issue('region');
  const secure = `https://127.0.0.1:${REGION.regionPort + 1000}/MAAS`;
  const tls = `tls: { cert: "${cert}", key: "${key}", listen: ["127.0.0.1:${REGION.regionPort + 1000}"] }`;
  const region = new RunningRack(REGION, (text) => text.replace(/^region: \{/m, `region: { ${tls},`));
  const far = remoteRack(FAR, 'far', `url: "http://127.0.0.1:${REGION.regionPort}/MAAS"`);
  // The first of its addresses never answers.
  const urls = `url: ["https://127.0.0.1:9/MAAS", "${secure}"], ca_file: "${authority.caFile}"`;
  const further = remoteRack(FURTHER, 'further', urls, (text) => text.replace(/cluster_interfaces:\n( .*\n)+/, ''));

  before(() => region.startWhole());
  after(async () => {
    await Promise.all([far.remove(), further.remove()]);
    await region.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  test('waits until an administrator accepts it, and names the command; then it is up', async () => {
    await far.start();
    const reported = await far.reported('region.pending');
    assert.match(String(reported.text), /rackboot racks accept far/);
    assert.equal((await statusOf(far)).state, 'pending');
    const shown = await far.rackboot('status');
    assert.equal(shown.code, 1);
    assert.match(
      shown.output.join('\n'),
      /pending [\s\S]*not accepted yet: .*on the region: sudo rackboot racks accept far/,
    );
    assert.equal(statSync(join(far.stateDir, 'region.key')).mode & 0o777, 0o600);
    await accept(region, 'far');
    await isUp(far);
    await far.well('status');
  });

  test('answers commands about machines with the place of the region', async () => {
    const { code, complaints } = await far.rackboot('machines', 'list');
    assert.equal(code, 1);
    assert.match(complaints.join('\n'), new RegExp(`http://127\\.0\\.0\\.1:${REGION.regionPort}/MAAS`));
  });

  test('over TLS a rack judges its region by region.ca_file, and is served at the address that answers', async () => {
    await further.start();
    await further.reported('region.pending');
    await accept(region, 'further');
    await isUp(further);
    const moved = await further.reported('region.moved');
    assert.deepEqual([moved.former, moved.url], ['https://127.0.0.1:9/MAAS', secure]);
    assert.equal((await further.reported('region.linked')).url, secure);
  });

  test('the network of a rack is set at the region by its name, and served as soon as the rack receives it', async () => {
    const from = further.lines.length;
    const words = ['cluster_interfaces.yard', networkOf(FURTHER), '--rack', 'further', '--config', region.configFile];
    await well(runRackboot(['config', 'set', ...words]));
    await further.reported('config.applied', { from, match: ({ source }) => source === 'store' });
  });

  test('two racks on one region enlist machines of their own networks, and both know them', async () => {
    const outcomes = await Promise.all([boot(FAR, 0), boot(FURTHER, 1)]);
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['enlisted', 'enlisted'],
    );
    assert.equal((await machineOf(region, 0))?.status_name, 'New');
    assert.equal((await machineOf(region, 1))?.status_name, 'New');
    for (const rack of [far, further])
      await eventually('the rack knows both', async () => (await rack.status()).machinesKnown === 2);
    await Promise.all([isEmpty(far), isEmpty(further)]);
    for (const [index, address] of [FAR, FURTHER].map(({ octets }) => octets).entries()) {
      const machine = await machineOf(region, index);
      assert.ok(
        machine?.ip_addresses[0]?.startsWith(`${address}.`),
        'the region knows its address from the rack’s events',
      );
    }
  });

  test('a lease of the rack is ended at the region, once', async () => {
    const address = String((await machineOf(region, 0))?.ip_addresses[0]);
    const headers = { authorization: authorizationOf(await region.administrator('ann')) };
    const url = `http://127.0.0.1:${REGION.regionPort}/MAAS/api/2.0/subnets/${FAR.octets}.0%2F24/?op=end_lease`;
    const end = async () =>
      (await fetch(url, { method: 'POST', headers, body: new URLSearchParams({ ip: address }) })).status;
    assert.equal(await end(), 204);
    assert.match(await far.well('leases', 'list', '--state', 'released'), new RegExp(address.replaceAll('.', '\\.')));
    assert.equal(await end(), 404);
  });

  test('settings of the region’s store reach the rack, except those that only a restart changes', async () => {
    const from = far.lines.length;
    await region.well('config', 'set', 'boot.kernel_params', 'console=ttyS9');
    await far.reported('config.applied', { from, match: ({ source }) => source === 'store' });
    const written = readFileSync(far.configFile, 'utf8');
    far.configure(written.replace(/url: "http:[^"]*"/, 'url: "http://127.0.0.1:9/MAAS"'));
    assert.equal((await far.reported('config.needs-restart', { from })).keys, 'region.url');
    far.configure(written);
    await far.reported('config.applied', { from, match: ({ source }) => source === 'file' });
    assert.equal((await statusOf(far)).state, 'up');
  });

  test('the region is killed after the ACK and started after the kernel was loaded: the machine is New', async () => {
    let killed: Promise<void> | undefined;
    let started: Promise<unknown> | undefined;
    const outcome = await boot(FAR, 2, (step) => {
      if (step === 'address') killed = region.kill();
      if (step === 'kernel') started = Promise.resolve(killed).then(() => region.startWhole());
    });
    assert.ok(outcome.kind === 'enlisted' || outcome.kind === 'queued', JSON.stringify(outcome));
    await started;
    const machine = await eventually('the machine is known', () => machineOf(region, 2), 60_000);
    assert.equal(machine.status_name, 'New');
    await isEmpty(far);
    const again = machinesShape.parse(await region.ask('/MAAS/api/2.0/machines/'));
    assert.equal(again.length, 3, 'each machine is known once');
  });

  test('a rack that is killed and starts without its region boots, names and enlists, says since when, and is the same rack', async () => {
    await isUp(far);
    const known = (await machineOf(region, 0))?.hostname ?? assert.fail();
    const before = far.lines.length;
    await region.kill();
    await far.reported('region.away', { from: before, limitMs: 20_000 });
    const identity = readFileSync(join(far.stateDir, 'rack.json'), 'utf8');
    await far.kill();
    const from = far.lines.length;
    await far.start();
    await far.reported('region.away', { from, limitMs: 20_000 });
    const status = await statusOf(far);
    assert.equal(status.state, 'away');
    assert.ok((status.link?.since ?? 0) > systemClock.wallTimeMs() - 60_000);
    assert.ok(status.desiredVersion > 0 && status.desiredSince !== undefined, 'the state of the cache is in force');
    assert.equal((await far.status()).machinesKnown, 3);
    assert.equal((await boot(FAR, 0)).kind, 'queued', 'a machine it knows');
    assert.equal((await boot(FAR, 3)).kind, 'queued', 'a machine that nobody knows');
    assert.notEqual(await askName(`${FAR.octets}.1`, FAR.dnsPort, `${known}.maas`), undefined);
    const shown = await far.rackboot('status');
    assert.match(shown.output.join('\n'), /Region {2}away at .* since 20/);
    const form = new URLSearchParams({ architecture: 'amd64', mac_addresses: 'none' }).toString();
    assert.equal(await postForm(FAR, `${FAR.octets}.77`, '/MAAS/api/2.0/machines/', form), 202);

    await region.startWhole();
    await far.reported('region.back', { from, limitMs: 90_000 });
    assert.equal((await eventually('it is known', () => machineOf(region, 3), 30_000)).status_name, 'New');
    await isEmpty(far);
    assert.equal(readFileSync(join(far.stateDir, 'rack.json'), 'utf8'), identity);
    assert.equal(far.events('region.pending', from).length, 0);
    assert.equal((await boot(FAR, 4)).kind, 'enlisted');
  });

  test('entries that the region refuses are listed with their reasons, sent again, and removed', async () => {
    await far.reported('outbox.dead-letter', { limitMs: 90_000 });
    const outbox = (...args: string[]) => far.rackboot('outbox', ...args);
    const listed = await outbox('--dead');
    assert.match(listed.output.join('\n'), /mac_addresses/);
    assert.match((await outbox()).output.join('\n'), /Refused for good: 1 /);
    const id = /^(\d+) /m.exec(listed.output.join('\n'))?.[1] ?? assert.fail();
    const from = far.lines.length;
    assert.equal((await outbox('--retry', id)).code, 0);
    await far.reported('outbox.dead-letter', { from });
    const letters: unknown = JSON.parse((await outbox('--json')).output.join('\n'));
    const [letter] = Reflect.get(Object(letters), 'deadLetters');
    assert.equal((await outbox('--drop', String(letter.id))).code, 0);
    assert.equal((await outbox('--drop', String(letter.id))).code, 1);
    assert.match((await outbox('--dead')).output.join('\n'), /no dead letters/);
  });
});
