// The configuration in force while file and store change: one change at a time, each completely or not at all, each reported.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { UsableConfig } from '../../../src/config/resolve-file.ts';
import { Configuration, type ConfigurationDeps } from '../../../src/daemon/rack/configuration.ts';
import { ipv4 } from '../../../src/ground/address.ts';
import { RackError } from '../../../src/ground/errors.ts';
import type { Settings } from '../../../src/machines/settings.ts';
import type { DaemonEvent } from '../../../src/region/reports/daemon-events.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const FILE = 'name: a\nstate_dir: /nowhere\n';
const LAB: Settings = {
  name: 'lab',
  interface: 'eth1',
  ip: '10.20.0.1',
  network: '10.20.0.0/24',
  ip_range_low: '10.20.0.100',
  ip_range_high: '10.20.0.199',
};

class Bench {
  readonly directory = mkdtempSync(join(tmpdir(), 'rackboot-configuration-'));
  readonly file = join(this.directory, 'rackboot.yaml');
  readonly events: DaemonEvent[] = [];
  /** Every applied configuration, and each call of `applied`. */
  readonly steps: string[] = [];
  refusals = 0;
  /** The error with which the next `apply` fails. */
  failure: Error | undefined;
  readonly ports: ConfigurationDeps = {
    clock: new VirtualClock(1_700_000_000_000, 1),
    publish: (event) => void this.events.push(event),
    host: () => [],
    leases: () => [{ address: ipv4(0x0a140064), mac: '52:54:00:00:00:01' }],
    apply: async ({ config: next }: UsableConfig) => {
      await Promise.resolve();
      this.steps.push(`apply ${next.name} ${next.boot.commissioningRelease}`);
      if (this.failure !== undefined) throw this.failure;
    },
    onConfigApplied: (config) => void this.steps.push(`applied ${config.name}`),
    refused: () => void this.refusals++,
  };

  constructor(text = FILE) {
    this.write(text);
  }

  write(text: string): void {
    writeFileSync(this.file, text);
  }

  open(stored?: Settings): Configuration {
    return new Configuration(this.file, () => stored);
  }

  reported(kind: DaemonEvent['kind']): readonly Readonly<Record<string, unknown>>[] {
    return this.events.filter((event) => event.kind === kind).map((event) => ({ ...event }));
  }
}

async function withBench(work: (bench: Bench) => Promise<void>, text?: string): Promise<void> {
  const bench = new Bench(text);
  try {
    await work(bench);
  } finally {
    rmSync(bench.directory, { recursive: true });
  }
}

const benchTest = (name: string, work: (bench: Bench) => Promise<void>): void => void test(name, () => withBench(work));

benchTest('cached settings of the store are in force from the start', async (bench) => {
  const configuration = bench.open({ cluster_interfaces: [LAB], boot: { release: 'trixie' } });
  assert.equal(configuration.config.dhcp.subnets.length, 1);
  assert.equal(configuration.config.boot.commissioningRelease, 'trixie');
  configuration.announce(bench.ports);
  assert.deepEqual(bench.events, []);
});

benchTest(
  'a conflicting cached store is ignored completely and reported once; an invalid file is refused',
  async (bench) => {
    const configuration = bench.open({
      cluster_interfaces: [{ ...LAB, ip: '10.99.0.1' }],
      boot: { release: 'trixie' },
    });
    assert.deepEqual(configuration.config.dhcp.subnets, []);
    assert.equal(configuration.config.boot.commissioningRelease, 'bookworm');
    configuration.announce(bench.ports);
    configuration.announce(bench.ports);
    const [reported, ...more] = bench.reported('config.refused');
    assert.equal(reported?.source, 'store');
    assert.match(
      String(reported?.problems),
      /^the region's store: cluster_interfaces\.lab\.ip: 10\.99\.0\.1 is not inside/m,
    );
    assert.deepEqual(more, []);
    bench.write('tftp: { listen_port: 0 }\n');
    assert.throws(
      () => bench.open(),
      (error) =>
        error instanceof RackError && error.code === 'config-invalid' && /:1: tftp\.listen_port/.test(error.message),
    );
  },
);

benchTest('a store that conflicts with the file is used once a new file fits it', async (bench) => {
  const relayed = {
    name: 'far',
    relayed: true,
    network: '10.30.0.0/24',
    ip_range_low: '10.30.0.9',
    ip_range_high: '10.30.0.99',
  };
  bench.write(`${FILE}cluster_interfaces: [${JSON.stringify(relayed)}]\n`);
  assert.throws(() => bench.open(), /dns\.upstream is empty/, 'alone');
  const configuration = bench.open({ dns: { upstream: ['192.0.2.1'] } });
  assert.equal(configuration.config.dhcp.subnets.length, 1);
});

benchTest('consecutive refusals keep the time of the first, until a configuration is accepted', async (bench) => {
  const clock = new VirtualClock(1_700_000_000_000, 1);
  const ports = { ...bench.ports, clock };
  const configuration = bench.open();
  const refusal = () => configuration.refusal;
  assert.equal(refusal(), undefined);
  bench.write('name: a\ncolour: blue\n');
  configuration.readFile(ports);
  await configuration.whenSettled;
  const since = clock.now();
  clock.advance(60_000);
  bench.write('name: a\nshape: round\n');
  configuration.readFile(ports);
  await configuration.whenSettled;
  assert.deepEqual([refusal()?.firstRefusedAt, refusal()?.source], [since, 'file']);
  assert.match(refusal()?.problems ?? '', /shape: unknown key/);
  bench.write(FILE);
  configuration.readFile(ports);
  await configuration.whenSettled;
  assert.equal(refusal(), undefined);
});

benchTest('a change of the store is applied and reported key by key, once', async (bench) => {
  const configuration = bench.open();
  const stored = { cluster_interfaces: [LAB], boot: { release: 'trixie' } };
  configuration.useStored(bench.ports, stored);
  configuration.useStored(bench.ports, structuredClone(stored));
  await configuration.whenSettled;
  assert.deepEqual(bench.steps, ['apply a trixie', 'applied a']);
  assert.deepEqual(
    bench.reported('config.changed').map(({ key }) => key),
    ['boot.release', 'cluster_interfaces.lab'],
  );
  assert.deepEqual(
    bench.reported('config.applied').map(({ source, changes }) => [source, changes]),
    [['store', 2]],
  );
  configuration.useStored(bench.ports, {
    cluster_interfaces: [{ ...LAB, ip_range_low: '10.20.0.150' }],
    boot: { release: 'trixie' },
  });
  await configuration.whenSettled;
  assert.deepEqual(
    bench.reported('config.stranded').map(({ leases, addresses }) => [leases, addresses]),
    [[1, '10.20.0.100']],
  );
  configuration.useStored(bench.ports, undefined);
  await configuration.whenSettled;
  assert.equal(configuration.config.dhcp.subnets.length, 0);
});

benchTest('a refused change of the store changes nothing, and is retried with the next file', async (bench) => {
  const configuration = bench.open({ boot: { release: 'trixie' } });
  configuration.useStored(bench.ports, { boot: { release: 'sid' }, tftp: { listen_port: 1069 } });
  await configuration.whenSettled;
  assert.deepEqual(bench.steps, []);
  assert.match(configuration.refusal?.problems ?? '', /tftp\.listen_port: only the configuration file may own this/);
  assert.equal(configuration.config.boot.commissioningRelease, 'trixie');
  assert.match(configuration.settingsRefused ?? '', /tftp\.listen_port: only the configuration file may own this/);
  assert.equal(bench.refusals, 1, 'the region is informed too');
  bench.write(`${FILE}log: { level: debug }\n`);
  configuration.readFile(bench.ports);
  await configuration.whenSettled;
  assert.deepEqual(bench.steps, [], 'the store is still refused, and the file with it');
  configuration.useStored(bench.ports, { boot: { release: 'sid' } });
  await configuration.whenSettled;
  assert.equal(configuration.config.boot.commissioningRelease, 'sid');
  assert.equal(configuration.refusal, undefined);
  assert.equal(configuration.settingsRefused, undefined);
  configuration.readFile(bench.ports);
  await configuration.whenSettled;
  assert.equal(configuration.config.log.level, 'debug');
});

test('a remote rack that gets settings without its networks reports that, with the command that restores them', () => {
  const remote = `${FILE}region: { mode: remote, url: "http://10.20.0.9:5240/MAAS" }\n`;
  return withBench(async (bench) => {
    const configuration = bench.open({ cluster_interfaces: [LAB] });
    assert.equal(configuration.unserved, undefined);
    configuration.useStored(bench.ports, { boot: { release: 'sid' } });
    await configuration.whenSettled;
    const [reported] = bench.reported('config.networks-lost');
    assert.equal(reported?.networks, 'lab 10.20.0.0/24');
    assert.match(
      String(reported?.command),
      /^rackboot config set cluster_interfaces\.lab '\{"interface":"eth1",.*\}' --rack a$/,
    );
    assert.match(
      configuration.unserved ?? '',
      /^has served no network since .*\(2023-11-14T\S+Z\): .*lab 10\.20\.0\.0\/24; .*cluster_interfaces to \S+rackboot\.yaml/,
    );
    bench.write(`${remote}cluster_interfaces: [${JSON.stringify(LAB)}]\n`);
    configuration.readFile(bench.ports);
    await configuration.whenSettled;
    assert.equal(configuration.unserved, undefined);
  }, remote);
});

test('a remote rack without any network reports that; a rack with its own region may have none', async () => {
  await withBench(async (bench) => assert.equal(bench.open().unserved, undefined));
  await withBench(
    async (bench) =>
      assert.match(bench.open().unserved ?? '', /^serves no network: neither .* nor its region names one/),
    `${FILE}region: { mode: remote, url: "http://10.20.0.9:5240/MAAS" }\n`,
  );
});

benchTest(
  'a configuration that cannot be applied is refused with the reason, and the previous one stays',
  async (bench) => {
    const configuration = bench.open();
    bench.failure = new RackError('address-in-use', 'the port is taken');
    bench.write(FILE.replace('name: a', 'name: b'));
    configuration.readFile(bench.ports);
    await configuration.whenSettled;
    assert.equal(configuration.config.name, 'a');
    assert.equal(bench.reported('config.refused')[0]?.problems, 'the port is taken');
    assert.equal(configuration.settingsRefused, undefined, 'the file was refused, not the settings of the store');
    assert.deepEqual(bench.reported('config.applied'), []);
    bench.failure = undefined;
    configuration.readFile(bench.ports);
    await configuration.whenSettled;
    assert.equal(configuration.config.name, 'b');
  },
);

benchTest('concurrent changes take effect one after the other', async (bench) => {
  const configuration = bench.open();
  bench.write(FILE.replace('name: a', 'name: b'));
  configuration.readFile(bench.ports);
  configuration.useStored(bench.ports, { boot: { release: 'trixie' } });
  configuration.useStored(bench.ports, { boot: { release: 'sid' } });
  await configuration.whenSettled;
  assert.deepEqual(
    bench.steps.filter((_step, index) => index % 2 === 1),
    ['applied b', 'applied b', 'applied b'],
  );
  assert.equal(bench.steps.at(-2), 'apply b sid');
});

benchTest(
  'a key that needs a restart keeps its value and everything derived from it, and is reported',
  async (bench) => {
    const configuration = bench.open();
    bench.write(FILE.replace('/nowhere', '/elsewhere').replace('name: a', 'name: b'));
    configuration.readFile(bench.ports);
    await configuration.whenSettled;
    assert.equal(bench.reported('config.needs-restart')[0]?.keys, 'state_dir');
    assert.deepEqual(configuration.restartKeys, ['state_dir'], 'for the status');
    assert.equal(configuration.config.stateDir, '/nowhere');
    assert.equal(configuration.config.boot.tree, '/nowhere/boot');
    assert.equal(configuration.config.name, 'b');
    bench.write(FILE.replace('name: a', 'name: b'));
    configuration.readFile(bench.ports);
    await configuration.whenSettled;
    assert.deepEqual(configuration.restartKeys, []);
    assert.equal(bench.reported('config.needs-restart').length, 1, 'restored, so nothing needs a restart');
  },
);

benchTest('of very many changes the first are reported one by one, and all are counted', async (bench) => {
  const configuration = bench.open();
  const networks = Array.from({ length: 200 }, (_, index) => ({
    name: `n${index}`,
    interface: `eth${index}`,
    management: 0,
    ip: `10.${index}.0.1`,
    network: `10.${index}.0.0/24`,
  }));
  configuration.useStored(bench.ports, { cluster_interfaces: networks });
  await configuration.whenSettled;
  assert.equal(bench.reported('config.changed').length, 50);
  assert.equal(bench.reported('config.applied')[0]?.changes, 200);
});

benchTest('a file that became empty is refused: it was truncated, or its disk was full', async (bench) => {
  const configuration = bench.open();
  for (const text of ['', '\n', '# nothing but this\n', 'null\n', '{}\n']) {
    bench.write(text);
    configuration.readFile(bench.ports);
    await configuration.whenSettled;
    assert.match(String(bench.reported('config.refused').at(-1)?.problems), /is empty/, JSON.stringify(text));
  }
  assert.deepEqual([configuration.config.name, bench.steps, bench.reported('config.refused').length], ['a', [], 5]);
});

benchTest('a file with an unusable certificate is refused: the next start would fail', async (bench) => {
  const configuration = bench.open();
  bench.write(`${FILE}region: { tls: { cert: ${bench.directory}/none.pem, key: ${bench.directory}/none.key } }\n`);
  configuration.readFile(bench.ports);
  await configuration.whenSettled;
  assert.match(String(bench.reported('config.refused')[0]?.problems), /region\.tls.*none\.pem cannot be read/);
  assert.deepEqual(bench.steps, []);
});

benchTest(
  'a missing file, invalid YAML or an invalid configuration is refused, and the last valid one stays',
  async (bench) => {
    const configuration = bench.open();
    for (const text of ['a: [', 'colour: red\n', '- a\n']) {
      bench.write(text);
      configuration.readFile(bench.ports);
      await configuration.whenSettled;
    }
    rmSync(bench.file);
    configuration.readFile(bench.ports);
    await configuration.whenSettled;
    assert.deepEqual(
      bench
        .reported('config.refused')
        .map(({ problems }) => /not valid YAML|unknown key|expected|there is no configuration/.test(String(problems))),
      [true, true, true, true],
    );
    assert.equal(configuration.config.name, 'a');
    assert.deepEqual(bench.steps, []);
  },
);

test('addresses of named servers are put in force with the running values, and stay through later changes', async () => {
  const bench = new Bench(`${FILE}dhcp: { options: [{ name: ntp-servers, value: ntp.example }] }\n`);
  const configuration = bench.open({ cluster_interfaces: [LAB] });
  const offered = () => configuration.config.dhcp.subnets[0]?.options?.byCode.get(42)?.map(({ value }) => [...value]);
  assert.deepEqual([configuration.config.serverNames, offered()], [['ntp.example'], undefined]);
  const known = () => [ipv4(0xc0000201)];
  await configuration.useAddresses(bench.ports, known);
  assert.deepEqual([offered(), bench.events], [[[192, 0, 2, 1]], []]);
  configuration.useStored(bench.ports, { cluster_interfaces: [LAB], boot: { release: 'trixie' } });
  await configuration.whenSettled;
  assert.deepEqual([configuration.config.boot.commissioningRelease, offered()], ['trixie', [[192, 0, 2, 1]]]);
  bench.failure = new RackError('address-in-use', 'a port is taken');
  await assert.rejects(
    configuration.useAddresses(bench.ports, () => []),
    /a port is taken/,
  );
  assert.deepEqual(offered(), [[192, 0, 2, 1]]);
  bench.failure = undefined;
  await configuration.whenSettled;
});
