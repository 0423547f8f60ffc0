// The service as systemd starts it, where no systemd runs: the unit is checked by systemd's own tool, and its command is run with
// its user's rights alone: not root, and only the capabilities that the unit grants.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { BRIDGE, LabNamespace } from '../../src/lab/namespace.ts';
import { AS_NOBODY_WITH, NOBODY, readableCheckout } from '../support/another-user.ts';
import { endProgram, whileRunning } from '../support/child.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { missing } from '../support/needs.ts';
import { overwrites, overwriting } from '../support/overwriting.ts';

/** `systemd-analyze` works in /run/systemd, and makes it if it may. */
const NO_ANALYSIS =
  missing('systemd-analyze') ||
  (existsSync('/run/systemd') || process.getuid?.() === 0
    ? false
    : 'no systemd runs here, and only root can make /run/systemd');

const ROOT = dirname(dirname(import.meta.dirname));
const UNIT = join(ROOT, 'systemd', 'rackboot.service');
const READY_MS_MAX = 60_000;

/** The values of one setting of the unit. */
function setting(name: string): string[] {
  const lines = readFileSync(UNIT, 'utf8').split('\n');
  return lines.flatMap((line) =>
    line.startsWith(`${name}=`)
      ? line
          .slice(name.length + 1)
          .trim()
          .split(/\s+/)
      : [],
  );
}

for (const name of ['rackboot', 'rackboot-region']) {
  const unit = join(ROOT, 'systemd', `${name}.service`);

  test(`systemd accepts ${name}.service`, { skip: NO_ANALYSIS }, () => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });

  test(`systemd finds little that ${name}.service leaves open`, { skip: NO_ANALYSIS }, () => {
    const words = ['security', '--offline=true', '--no-pager', unit];
    const { stdout } = spawnSync('systemd-analyze', words, { encoding: 'utf8' });
    const exposure = /Overall exposure level for \S+: (\d+\.\d)/.exec(stdout)?.[1];
    assert.ok(Number(exposure) < 2, `exposure ${exposure}`);
  });
}

const SKIP = missing('linux', 'root', 'ip', 'setpriv', 'udhcpc');

describe('the command of the unit, where another user than root owns the state', { skip: SKIP }, () => {
  test('serves a machine on the real ports with the rights of the unit', () => serveMachine(rightsOfUnit()));

  // `sudo rackboot run`, before the service is started for the first time.
  test('started by root, serves a machine as that user', () => serveMachine([]));

  test('started by root, names the remedy if that user cannot read the program', () => {
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-service-'));
    try {
      const state = join(directory, 'state');
      mkdirSync(state);
      chownSync(state, NOBODY, NOBODY);
      const config = join(directory, 'rackboot.yaml');
      writeFileSync(config, `state_dir: ${state}\n`);
      // As a checkout below a home that only its owner enters.
      symlinkSync(join(ROOT, 'src'), join(directory, 'src'));
      const words = ['--preserve-symlinks-main', join(directory, 'src/main.ts'), 'run', '--config', config];
      const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
      assert.equal(status, 1);
      assert.match(stderr, /belongs to nobody, who cannot read .*src\/main\.ts: put Rackboot where that user can/);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

/** The words of setpriv(1) for the rights that systemd gives by the unit. */
function rightsOfUnit(): readonly string[] {
  const capabilities = setting('AmbientCapabilities')
    .map((name) => `+${name.replace(/^CAP_/, '').toLowerCase()}`)
    .join(',');
  const rights = [
    '--no-new-privs',
    '--inh-caps',
    capabilities,
    '--ambient-caps',
    capabilities,
    '--bounding-set',
    `-all,${capabilities}`,
  ];
  return [...AS_NOBODY_WITH, ...rights];
}

/** Starts the unit's command, with `before` in front of it, and has a machine get a lease. */
async function serveMachine(before: readonly string[]): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-service-'));
  chmodSync(directory, 0o755);
  const state = join(directory, 'state');
  mkdirSync(state);
  chownSync(state, NOBODY, NOBODY);
  const { root, node } = readableCheckout();
  symlinkSync(join(root, 'bin', 'rackboot.js'), join(directory, 'rackboot'));
  const config = join(directory, 'rackboot.yaml');
  writeFileSync(
    config,
    `state_dir: ${state}\ncluster_interfaces: [{ name: lab, interface: ${BRIDGE}, ip: 10.78.0.1, network: 10.78.0.0/24, ip_range_low: 10.78.0.100, ip_range_high: 10.78.0.120 }]\n`,
  );
  const namespace = LabNamespace.create(`rb-service-${process.pid}`, '10.78.0.1', 24);
  const command = setting('ExecStart').map((word) => (word === '/etc/rackboot/rackboot.yaml' ? config : word));
  const [program = '', ...words] = [...before, ...command];
  // In place of the unit's StateDirectory below /var/lib, which this user may not write here.
  const env = {
    PATH: `${directory}:${dirname(node)}:${process.env.PATH ?? ''}`,
    NODE_COMPILE_CACHE: join(state, 'cache'),
    ...overwriting(),
  };
  const daemon = namespace.spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'], env });
  try {
    const log = await untilReady(daemon);
    const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8');
    assert.match(status, /^Uid:\s+65534\s+65534\s+65534/m);
    assert.ok(overwrites(daemon.pid ?? 0));
    // Its own groups, and none of root's.
    assert.match(status, /^Groups:\s*(?:65534\s*)?$/m);
    // Bits 10 and 13: ports below 1024, raw sockets.
    assert.match(status, /^CapEff:\s+0000000000002400$/m);
    assert.doesNotMatch(log, /hardware addresses need/, 'frames to machines without an address can be sent');

    const host = namespace.addHost('client', '52:54:00:78:00:01');
    execFileSync(
      'ip',
      ['netns', 'exec', host, 'udhcpc', '-i', 'eth0', '-n', '-q', '-t', '5', '-T', '1', '-s', '/bin/true'],
      { stdio: 'ignore' },
    );
    const leases = execFileSync(
      process.execPath,
      [join(ROOT, 'src/main.ts'), 'leases', 'list', '--json', '--config', config],
      { encoding: 'utf8' },
    );
    assert.match(leases, /52:54:00:78:00:01/);
  } finally {
    await endProgram(daemon);
    namespace.remove();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Waits for the daemon's word that it is ready. @returns its log until then */
async function untilReady(daemon: ReturnType<LabNamespace['spawn']>): Promise<string> {
  let log = '';
  daemon.stdout?.on('data', (chunk: Buffer) => {
    log += chunk.toString('utf8');
  });
  const ready = eventuallyWithin(READY_MS_MAX, 'the daemon is ready', () => log.includes('"daemon.ready"'));
  await whileRunning(daemon, ready, () => log);
  return log;
}
