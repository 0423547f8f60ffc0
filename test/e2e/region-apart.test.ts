// A region in a process of its own, without a rack: people sign in, machines enlist through its API, a rack on another place registers, is
// accepted and gets its desired state; and all of it is there after a restart. Real processes and sockets on loopback, by any user. Further
// refusals, files and state directories are in the long suite.
// @host waits

import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { apartFile } from '../support/apart-file.ts';
import { missing } from '../support/needs.ts';
import { NotifyReceiver } from '../support/notify-receiver.ts';
import { authorizationOf } from '../support/oauth.ts';
import { eventually, PASSWORD, RunningRack, well } from '../support/running-rack.ts';
import { bootSimulatedMachine } from '../support/simulated-boot.ts';

const PLACE = labPlace(54);
const BASE = `http://127.0.0.1:${PLACE.regionPort}/MAAS`;
const METRICS = `${PLACE.octets}.2:5249`;
const MAC = '52:54:00:00:54:01';
/** The simulated machine that boots from the rack. */
const MACHINE = 1540;
const SERVICE = ['region', 'run'];

const regionText = apartFile(PLACE);

describe('a region apart from its racks', { skip: missing('linux') }, () => {
  const region = new RunningRack(PLACE, (text) => regionText(text));
  const rack = new RunningRack(PLACE, (text) =>
    text
      .replace(/^name: .*$/m, 'name: far')
      .replace(/^region: .*$/m, `region: { mode: remote, url: "${BASE}" }`)
      .replace(/^ {4}management: 2$/m, '$&\n    dns_servers: [192.0.2.53]\n    options: [{ code: 26, value: 1400 }]'),
  );
  const manager = new NotifyReceiver(join(region.directory, 'notify'));
  const run = (...args: string[]) => region.rackboot(...args);
  const machines = async () => machinesShape.parse(await region.ask('/MAAS/api/2.0/machines/'));

  async function start(): Promise<void> {
    process.env.NOTIFY_SOCKET = join(region.directory, 'notify');
    try {
      await region.start({ command: SERVICE });
    } finally {
      delete process.env.NOTIFY_SOCKET;
    }
  }

  /** Signs in, and returns the cookie. */
  async function signIn(): Promise<string> {
    const form = new URLSearchParams({ username: 'ann', password: PASSWORD, to: '/MAAS/' });
    const answer = await fetch(`${BASE}/login/`, { method: 'POST', body: form, redirect: 'manual' });
    assert.equal(answer.status, 303);
    return (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  }

  const page = async (): Promise<string> =>
    await (await fetch(`${BASE}/machines/`, { headers: { Cookie: await signIn() } })).text();

  before(start);
  after(async () => {
    await rack.remove();
    await region.remove();
    manager.close();
  });

  test('serves the API and says so, in the log, to the service manager and to commands', async () => {
    const up = await region.reported('region.up');
    assert.equal(up.addresses, `127.0.0.1:${PLACE.regionPort}`);
    assert.equal((await region.reported('daemon.ready')).name, 'hall');
    assert.match(String((await region.reported('daemon.note')).text), /only loopback addresses/);
    const ready = await eventually('ready', () => manager.all('READY')[0]);
    assert.equal(ready.fields.STATUS, `serving 127.0.0.1:${PLACE.regionPort}`);
    const { code, output } = await run('status');
    assert.equal(code, 0);
    assert.match(output.join('\n'), /^hall: .*\nRegion {2}up at 127\.0\.0\.1:\d+, 0 machines\nStore {3}region\.db in /);
    assert.equal(existsSync(join(region.stateDir, 'leases.db')), false, 'no part of a rack is there');
    const readiness: unknown = await (await fetch(`http://${METRICS}/readyz`)).json();
    assert.deepEqual(readiness, { ready: true, notReady: [] });
    assert.match(
      await (await fetch(`http://${METRICS}/metrics`)).text(),
      /^rackboot_region_racks\{state="pending"\} 0$/m,
    );
  });

  test('a person signs in and sees a machine that was enlisted through the API', async () => {
    const form = new URLSearchParams({
      hostname: 'calm-ibis',
      mac_addresses: MAC,
      architecture: 'amd64/generic',
      commission: 'false',
    });
    const key = await region.administrator();
    const signed = authorizationOf(key);
    const answer = await fetch(`${BASE}/api/2.0/machines/`, {
      method: 'POST',
      body: form,
      headers: { Authorization: signed },
    });
    assert.equal(answer.status, 200, await answer.text());
    assert.match(await page(), /calm-ibis/);
  });

  test('a rack registers, waits, is accepted and gets its desired state; a machine that boots from it is enlisted', async () => {
    await rack.start();
    await rack.reported('region.pending');
    await eventually('the status line', () =>
      /racks to accept: far$/.test(manager.all('STATUS').at(-1)?.fields.STATUS ?? ''),
    );
    const doctor = await rack.rackboot('doctor');
    assert.equal(doctor.code, 1);
    assert.match(
      doctor.output.join('\n'),
      /^BAD {2}region: this rack is not accepted yet: .*sudo rackboot racks accept far/m,
    );
    const { code, complaints } = await run('racks', 'accept', 'far');
    assert.deepEqual([code, complaints], [0, []]);
    await eventually('the rack knows the machine', async () => {
      const { machinesKnown, region: link } = await rack.status();
      return link?.state === 'up' && machinesKnown === 1;
    });
    const outcome = await bootSimulatedMachine(PLACE, MACHINE, () => undefined);
    assert.equal(outcome.kind, 'enlisted');
    assert.equal((await machines()).length, 2);
    await eventually('the rack knows both', async () => (await rack.status()).machinesKnown === 2);
    const subnets = z.array(z.object({ cidr: z.string(), dns_servers: z.array(z.string()) }));
    const [subnet] = subnets
      .parse(await region.ask('/MAAS/api/2.0/subnets/'))
      .filter(({ cidr }) => cidr === `${PLACE.octets}.0/24`);
    assert.deepEqual(subnet?.dns_servers, ['192.0.2.53'], 'of the rack’s file');
  });

  test('an operator adds a machine by its addresses, once', async () => {
    const secret = join(region.directory, 'power-password');
    writeFileSync(secret, 'hush\n');
    const add = [
      'machines',
      'add',
      '52:54:00:00:54:0a',
      '52:54:00:00:54:0b',
      '--hostname',
      'by-hand',
      '--arch',
      'arm64',
    ];
    const power = ['power_address=10.0.0.5', 'power_user=maas', `power_pass@${secret}`].flatMap((one) => [
      '--power',
      one,
    ]);
    const added = await well(run(...add, '--power-type', 'ipmi', ...power, '--no-commission'));
    assert.match(added, /^by-hand\.maas \(\w{6}\) is New\. To commission it: .*machines accept/);
    const machine = (await machines()).find(({ hostname }) => hostname === 'by-hand');
    assert.deepEqual(
      machine?.interface_set.map(({ mac_address: address }) => address),
      ['52:54:00:00:54:0a', '52:54:00:00:54:0b'],
    );
    assert.equal(machine?.architecture, 'arm64/generic');
    assert.equal(machine?.power_type, 'ipmi');
    const again = await run('machines', 'add', '52:54:00:00:54:0b');
    assert.equal(again.code, 2);
    assert.match(again.complaints.join('\n'), /a machine with the address 52:54:00:00:54:0b already exists/);
    assert.equal((await run('machines', 'remove', 'by-hand', '--yes')).code, 0);
  });

  test('the store is among the values in force, and a backup says what it wrote', async () => {
    const shown = await run('config', 'show', 'region');
    assert.match(shown.output.join('\n'), /^region\.store\.kind +sqlite +\S+rackboot\.yaml:3$/m);
    const backup = join(region.stateDir, 'one.backup');
    const brief = await run('region', 'backup', backup);
    assert.match(brief.output.join('\n'), /^Wrote \S+one\.backup: \d+(?:\.\d)? [KM]iB, \d+ rows in \d+ tables\.$/);
    assert.deepEqual(brief.complaints, []);
  });

  test('settings reach the racks and the region; networks belong to a rack', async () => {
    const from = rack.lines.length;
    await well(run('config', 'set', 'boot.kernel_params', 'console=ttyS9'));
    await rack.reported('config.applied', { from, match: ({ source }) => source === 'store' });
    await region.reported('config.changed', { match: ({ key }) => key === 'boot.kernel_params' });
    const network = await run('config', 'set', 'cluster_interfaces.two', '{ relayed: true }');
    assert.match(network.complaints.join(), /this region has no rack of its own; name the network's rack/);
  });

  test('a changed file is applied; an invalid one is refused, and what needs a restart waits', async () => {
    const text = readFileSync(region.configFile, 'utf8');
    let from = region.lines.length;
    region.configure(text.replace('store:', 'retries: 4, store:'));
    await region.reported('config.changed', {
      from,
      match: ({ key, after: now }) => key === 'region.retries' && now === '4',
    });
    from = region.lines.length;
    region.configure(text.replace('kind: sqlite', 'kind: postgresql, url: "postgresql://db/rackboot"'));
    assert.match(String((await region.reported('config.needs-restart', { from })).keys), /region\.store\.kind/);
    from = region.lines.length;
    region.configure(`${text}dhcp: {}\n`);
    process.kill(region.pid, 'SIGHUP');
    const refused = await region.reported('config.refused', { from });
    assert.match(String(refused.problems), /:\d+: dhcp: belongs in the file of a rack/);
    from = region.lines.length;
    region.configure(text);
    await region.reported('config.applied', { from });
    assert.equal((await region.status()).refused, undefined);
    assert.deepEqual((await region.status()).restartKeys, []);
  });

  test('commands that only a rack can answer say so', async () => {
    const { code, complaints } = await run('leases');
    assert.notEqual(code, 0);
    assert.match(complaints.join('\n'), /region without a rack: .*on the host of (?:a|that) rack/);
    assert.doesNotMatch(complaints.join('\n'), /start it first/);
  });

  test('no second process gets its state directory', async () => {
    const { code, complaints } = await run(...SERVICE);
    assert.equal(code, 1);
    assert.match(complaints.join('\n'), new RegExp(`another Rackboot already runs here .*process ${region.pid}`));
  });

  test('ends when told to, and everything is there when it starts again', async () => {
    assert.equal(await region.stop(), 0);
    assert.equal(existsSync(join(region.stateDir, 'region.db-wal')), false, 'the store is closed');
    assert.equal(region.events('daemon.stopped').length, 1);
    assert.ok(manager.all('STOPPING').length === 1);
    const from = region.lines.length;
    await start();
    assert.equal(region.events('region.problem', from).length, 0);
    assert.match(await page(), /calm-ibis/);
    assert.equal((await machines()).length, 2);
    await eventually('the rack is back', async () => (await rack.status()).region?.state === 'up', 60_000);
    const { output } = await run('racks');
    assert.match(output.join('\n'), /^far +accepted/m);
  });
});

test('started by root, it runs as the owner of its state directory, with no right of root but that of low ports', {
  skip: missing('root', 'setpriv'),
}, async () => {
  const region = new RunningRack(PLACE, (text) => regionText(text));
  const NOBODY = 65_534;
  try {
    mkdirSync(region.stateDir, { recursive: true });
    chownSync(region.directory, NOBODY, NOBODY);
    chownSync(region.stateDir, NOBODY, NOBODY);
    await region.start({ command: SERVICE });
    const status = readFileSync(`/proc/${region.pid}/status`, 'utf8');
    assert.match(status, new RegExp(`^Uid:\\s+${NOBODY}\\b`, 'm'));
    assert.match(status, /^CapEff:\s+0000000000000400$/m);
    assert.equal(statSync(join(region.stateDir, 'region.db')).uid, NOBODY);
  } finally {
    await region.remove();
  }
});
