// `rackboot leases` against a real daemon and against its files on disk: lists, filters, exports, one lease in full, and
// the import of other servers' leases, whose clients then keep their addresses. Real sockets on loopback, by any user.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { formatMac, mac as macOf } from '../../src/ground/address.ts';
import { systemClock } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { asPrinted } from '../support/as-printed.ts';
import { missing } from '../support/needs.ts';
import { addressOf, DhcpProbes, type Leased } from '../support/probes.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { type Ended, RunningRack } from '../support/running-rack.ts';

const PLACE = labPlace(87);
const NET = PLACE.octets;
const KEA = 'address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context';

describe('rackboot leases', { skip: missing('linux') }, () => {
  const rack = new RunningRack(PLACE);
  let probes: DhcpProbes | undefined;
  let first: Leased | undefined;
  const leases = (...words: readonly string[]): Promise<Ended> => rack.rackboot('leases', ...words);
  const ask = async (mac: number): Promise<string | undefined> => {
    const lease = await probes?.leaseWithin(10_000, macOf(mac));
    return lease && addressOf(lease);
  };
  const seconds = (): number => Math.floor(systemClock.wallTimeMs() / 1000);

  before(async () => {
    await rack.start();
    probes = await DhcpProbes.open(PLACE);
    // Not firmware: its leases last half a minute only.
    first = await probes.lease(probes.newMac(), 'system');
    await probes.lease(probes.newMac(), 'system');
  });
  after(async () => {
    await probes?.close();
    await rack.remove();
  });

  test('lists all, filters some, and shows one', async () => {
    assert.ok(first !== undefined);
    const [address, mac] = [addressOf(first), formatMac(first.mac)];
    const [all, some, none, csv, json, show, wrong, missed] = await Promise.all([
      leases(),
      leases('list', '--mac', mac, '--state', 'bound', '--network', 'lab'),
      leases('list', '--hostname', 'nobody*'),
      leases('list', '--csv', '--address', address),
      leases('list', '--json', '--mac', mac),
      leases('show', mac),
      leases('list', '--network', 'nowhere'),
      leases('show', `${NET}.199`),
    ]);
    assert.equal(all.code, 0, all.complaints.join('\n'));
    assert.match(all.output[0] ?? '', /^ADDRESS +MAC +STATE +NAME +UNTIL +SWITCH PORT$/);
    assert.equal(all.output.length, 3);
    assert.match(some.output[1] ?? '', new RegExp(`^${address} +${mac} +bound +20`));
    assert.equal(some.output.length, 2);
    assert.deepEqual(none.output, ['No lease matches.']);
    assert.equal(
      csv.output[0],
      'address,mac,state,network,machine,hostname,granted_at,expires_at,seconds,client_id,vendor_class,circuit_id,remote_id,reserved_name',
    );
    assert.ok(csv.output[1]?.startsWith(`${address},${mac},bound,lab,,,20`), csv.output[1]);
    const parsed: unknown = JSON.parse(json.output.join('\n'));
    assert.ok(Array.isArray(parsed) && parsed.length === 1);
    const shown = show.output.join('\n');
    assert.match(shown, new RegExp(`^Address +${address}$`, 'm'));
    assert.match(shown, /^Lease time +600 s$/m);
    assert.equal(wrong.code, 2);
    assert.deepEqual(wrong.complaints, ['rackboot: nowhere is neither a cluster interface (lab) nor a network']);
    assert.equal(missed.code, 1);
  });

  test('a running rack imports leases, names those that it skipped, and their clients keep their addresses', async () => {
    assert.ok(first !== undefined);
    const file = join(rack.directory, 'kea-leases4.csv');
    const end = seconds() + 3000;
    const row = (host: string, mac: string): string => `${host},${mac},,3600,${end},1,0,0,printer,0,`;
    const mine = '52:54:00:aa:00:01';
    writeFileSync(
      file,
      [KEA, row(`${NET}.150`, mine), row(addressOf(first), '52:54:00:aa:00:02'), row('10.9.9.9', mine), 'x,y', ''].join(
        '\n',
      ),
    );
    const dry = await leases('import', file, '--dry-run');
    assert.match(dry.output.join('\n'), /^1 lease would be imported into the running rack\.$/m);
    const done = await leases('import', file);
    assert.equal(done.code, 1, 'some were left');
    const text = done.output.join('\n');
    assert.match(text, /^1 lease was imported into the running rack\.$/m);
    assert.match(text, /kea-leases4\.csv:3: .*Another client holds the address here/);
    assert.match(text, /kea-leases4\.csv:4: 10\.9\.9\.9: The address is in no network/);
    assert.match(text, /kea-leases4\.csv:5: x,y: The entry cannot be read/);
    assert.match(
      (await leases('import', file)).output.join('\n'),
      /^0 leases were .*\n(.*\n)*1 skipped: .*\(already-there\)/m,
    );
    await rack.reported('dhcp.imported', { match: ({ imported }) => imported === 1 });
    // The short suite starts it again in the next tests.
    if (HAS_MANY_ROUNDS) {
      await rack.kill();
      await rack.start();
    }
    assert.equal(await ask(0x525400aa0001), `${NET}.150`);
  });

  test('a lease that the operator ends stays ended after a restart, and no other lease ends', async () => {
    const file = join(rack.directory, 'endless.leases');
    writeFileSync(file, `0 52:54:00:aa:00:07 ${NET}.180 * *\n`);
    assert.equal((await leases('import', file)).code, 0);
    const ended = await leases('end', `${NET}.180`);
    assert.deepEqual([ended.code, ended.output], [0, [`The lease of ${NET}.180 to 52:54:00:aa:00:07 has ended.`]]);
    await rack.reported('dhcp.ended', {
      match: ({ address, mac }) => `${address} ${mac}` === `${NET}.180 52:54:00:aa:00:07`,
    });
    const list = asPrinted('rackboot leases list', rack.configFile);
    const refused = await Promise.all([leases('end', `${NET}.180`), leases('end', `${NET}.181`), leases('end', 'web')]);
    assert.deepEqual(
      refused.map(({ code, complaints }) => [code, ...complaints]),
      [
        [1, `rackboot: ${NET}.180 has no running lease: see \`${list}\``],
        [1, `rackboot: ${NET}.181 has no running lease: see \`${list}\``],
        [2, `rackboot: web is not an address: ${list} shows the addresses of all clients`],
      ],
    );
    await rack.kill();
    await rack.start();
    assert.match((await leases('show', `${NET}.180`)).output.join('\n'), /^State +released$/m);
  });

  test('the leases of a stopped rack are listed from its file and imported into it, unless another process uses the file', async () => {
    assert.ok(first !== undefined);
    await rack.stop();
    const list = await leases('list', '--mac', formatMac(first.mac));
    assert.match(list.output[1] ?? '', new RegExp(`^${addressOf(first)} `));
    assert.match(list.complaints.join('\n'), /no daemon answers; read from .*leases\.db/);
    const file = join(rack.directory, 'dnsmasq.leases');
    writeFileSync(file, `${seconds() + 3000} 52:54:00:aa:00:03 ${NET}.160 tablet *\n`);
    const done = await leases('import', file);
    assert.deepEqual([done.code, done.output.length], [0, 1], [...done.output, ...done.complaints].join('\n'));
    assert.match(done.output[0] ?? '', /^1 lease was imported into .*, where no daemon runs\.$/);
    assert.match((await leases('show', `${NET}.160`)).output.join('\n'), /^Hostname +tablet$/m);
    await rack.start();
    assert.equal(await ask(0x525400aa0003), `${NET}.160`);
  });
});

if (HAS_MANY_ROUNDS)
  describe('an import of one file in two ways', { skip: missing('linux') }, () => {
    const place = labPlace(89);
    const rack = new RunningRack(place, (text) =>
      text.replace('    management: 2\n', '    management: 2\n    identity: client-id\n'),
    );
    after(() => rack.remove());

    test('gives a running and a stopped rack the same leases, in any order of the file', async () => {
      const at = (seconds: number): string => `epoch ${Math.floor(systemClock.wallTimeMs() / 1000) + seconds}`;
      const lease = (host: number, state: string, granted: number, end: number | 'never', id: string): string => `
      lease ${place.octets}.${host} {
        starts ${at(granted)}; ends ${end === 'never' ? end : at(end)};
        binding state ${state}; hardware ethernet 52:54:00:aa:00:01; uid "${id}";
      }`;
      const file = join(rack.directory, 'dhcpd.leases');
      const entries = [
        lease(110, 'active', -900, 2700, 'one'),
        lease(111, 'active', -300, 3300, 'one'),
        lease(112, 'active', -600, 3000, 'one'),
        // Another system of the same machine.
        lease(113, 'active', -1200, 2400, 'two'),
        lease(114, 'expired', -7200, -3600, 'three'),
        lease(115, 'abandoned', -1200, 'never', 'four'),
      ];
      writeFileSync(file, `# dhcpd.leases\n${entries.join('\n')}\n`);
      const command = (...words: readonly string[]) => rack.rackboot('leases', ...words);
      const taken = async (): Promise<{ shown: readonly unknown[]; output: readonly string[] }> => {
        const dry = await command('import', file, '--dry-run', '--json');
        const done = await command('import', file, '--json');
        const [counted, did] = [dry, done].map((ended): unknown => JSON.parse(ended.output.join('\n')));
        assert.deepEqual(withoutMode(counted), withoutMode(did), 'a dry run tells the truth');
        const listed: unknown = JSON.parse((await command('list', '--json')).output.join('\n'));
        assert.ok(Array.isArray(listed));
        const output = done.output.filter((line) => !line.includes('"into"'));
        return { shown: listed.map(shownOf).sort(), output };
      };
      await rack.start();
      const running = await taken();
      await rack.stop();
      for (const end of ['', '-wal', '-shm']) rmSync(join(rack.stateDir, `leases.db${end}`), { force: true });
      const stopped = await taken();
      assert.deepEqual(stopped, running);
      assert.deepEqual(
        running.shown.map((one) => String(one).split(' ').slice(0, 2)),
        [
          [`${place.octets}.111`, 'bound'],
          [`${place.octets}.113`, 'bound'],
          [`${place.octets}.114`, 'expired'],
          [`${place.octets}.115`, 'declined'],
        ],
      );
    });
  });

if (HAS_MANY_ROUNDS)
  test('leases imported before the first start do not count as a restored copy', {
    skip: missing('linux'),
  }, async () => {
    const rack = new RunningRack(PLACE);
    try {
      const file = join(rack.directory, 'first.leases');
      writeFileSync(file, `0 52:54:00:aa:00:09 ${NET}.182 * *\n`);
      await rack.well('leases', 'import', file);
      await rack.start();
      const { output } = await rack.rackboot('status');
      assert.doesNotMatch(output.join('\n'), /restored from a copy/);
      assert.ok(!rack.lines.some(({ event }) => event === 'daemon.leases-restored'));
      const shown = await rack.rackboot('leases', 'show', `${NET}.182`);
      assert.match(shown.output.join('\n'), /^State +bound$/m);
    } finally {
      await rack.remove();
    }
  });

/** A summary without how it was made. */
function withoutMode(summary: unknown): unknown {
  assert.ok(typeof summary === 'object' && summary !== null);
  return { ...summary, dryRun: undefined };
}

/** Address, state, identifier and how long it runs, in tens of seconds: the two ways must agree on these. */
function shownOf(lease: unknown): string {
  const { address, state, clientId, seconds } = reportedShape.parse(lease);
  return `${address} ${state} ${clientId ?? '-'} ${Math.round(seconds / 10)}`;
}

const reportedShape = z.object({
  address: z.string(),
  state: z.string(),
  clientId: z.string().optional(),
  seconds: z.number(),
});
