// The container of packaging/Containerfile, built and run by podman: with the host's network, two capabilities, a read-only root and its state
// in a volume, it answers a client, builds what machines load, and enlists one.
// @host alone
// @disk

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { LabNamespace } from '../../src/lab/namespace.ts';
import { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { askForAddress } from '../support/ask-for-address.ts';
import { BARE_ROOT_NEEDS, BareRoot } from '../support/bare-root.ts';
import { endProgram } from '../support/child.ts';
import { specOf, tail, within } from '../support/first-boot.ts';
import { missing } from '../support/needs.ts';
import { eventually } from '../support/running-rack.ts';
import { BIOS_LIFE } from '../support/whole-life.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const NEEDS = [
  'x86_64-linux-gnu-strip',
  'dpkg-deb',
  'podman',
  'jq',
  'nsenter',
  'udhcpc',
  'slirp4netns',
  'qemu-system-x86_64',
] as const;
const skip = missing('linux', ...NEEDS, ...BARE_ROOT_NEEDS);
const BASE = 'localhost/bare';
const UP_MS_MAX = 60_000;
/** crun for hosts where not even root may raise limits; it keeps those of this process. */
const RUNTIME = `#!/bin/sh
without_limits() {
  jq "$1" "$2" >"$2.part" && mv "$2.part" "$2"
}
for word in "$@"; do
  case "$previous" in
    --bundle) without_limits 'del(.process.rlimits)' "$word/config.json" ;;
    --process) without_limits 'del(.rlimits)' "$word" ;;
  esac
  previous=$word
done
exec /usr/bin/crun "$@"
`;
/** Mounts that all commands share: podman's own, and the second hierarchy of cgroups alone. */
const MOUNTS = 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && echo ready && exec sleep infinity';

interface Service {
  readonly network_mode: string;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly cap_add: readonly string[];
  readonly tmpfs: readonly string[];
  readonly volumes: readonly string[];
}

/** The options with which packaging/compose.yaml runs it. */
function composedOptions(): readonly string[] {
  const text = readFileSync(join(ROOT, 'packaging/compose.yaml'), 'utf8');
  const { rackboot }: { rackboot: Service } = parse(text).services;
  return [
    `--network=${rackboot.network_mode}`,
    `--read-only=${rackboot.read_only}`,
    ...rackboot.cap_drop.map((name) => `--cap-drop=${name}`),
    ...rackboot.cap_add.map((name) => `--cap-add=${name}`),
    ...rackboot.tmpfs.map((place) => `--tmpfs=${place}`),
    ...rackboot.volumes.map((volume) => `--volume=${volume}`),
    '--cgroups=disabled',
  ];
}

describe('the container', { skip }, () => {
  let scratch = '';
  let network: LabNamespace;
  let machine = '';
  let mounts: ChildProcess;
  let outside: ChildProcess;
  const podman = (...words: readonly string[]) => {
    const place = ['--root', join(scratch, 'storage'), '--runroot', join(scratch, 'run')];
    const own = [...place, '--cgroup-manager=cgroupfs', '--runtime', join(scratch, 'bin/crun')];
    const entered = [`--target=${mounts.pid}`, '--mount', `--net=/run/netns/${network.name}`, 'podman', ...own];
    return spawnSync('nsenter', [...entered, ...words], { encoding: 'utf8', cwd: ROOT });
  };
  const well = (...words: readonly string[]): string => {
    const { status, stdout, stderr } = podman(...words);
    assert.equal(status, 0, `${words.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-container-'));
    network = LabNamespace.create(`rb-container-${process.pid}`, '10.76.9.1', 24);
    machine = network.addHost('machine', '52:54:00:76:09:01');
    // The mirrors, by the host's network.
    outside = spawn('slirp4netns', ['--netns-type=path', '--configure', `/run/netns/${network.name}`, 'up0'], {
      stdio: 'ignore',
    });
    mounts = spawn('unshare', ['--mount', 'sh', '-c', MOUNTS], { stdio: ['ignore', 'pipe', 'inherit'] });
    if (mounts.stdout !== null) await once(mounts.stdout, 'data');
    mkdirSync(join(scratch, 'bin'));
    writeFileSync(join(scratch, 'bin/crun'), RUNTIME, { mode: 0o755 });
    const words = ['packaging/run.ts', '--arch', 'amd64', '--out', join(scratch, 'packages')];
    execFileSync(process.execPath, words, { cwd: ROOT, stdio: 'pipe' });
    const root = await BareRoot.make('bookworm', ['ca-certificates']);
    try {
      execFileSync('tar', ['--create', '--file', join(scratch, 'root.tar'), '--directory', root.path(''), '.']);
    } finally {
      await root.remove();
    }
  });
  after(async () => {
    podman('rm', '--force', '--all');
    await endProgram(mounts, 'SIGKILL');
    await endProgram(outside, 'SIGKILL');
    network?.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('is built from a bare Debian and the package', (t) => {
    well('import', '--quiet', join(scratch, 'root.tar'), BASE);
    const from = ['--isolation=chroot', '--network=host', `--build-arg=BASE=${BASE}`];
    // Its commands fetch packages by the host's network.
    const place = ['--root', join(scratch, 'storage'), '--runroot', join(scratch, 'run')];
    const words = [...place, 'build', ...from, `--file=${join(ROOT, 'packaging/Containerfile')}`, '--tag=rackboot'];
    const entered = [`--target=${mounts.pid}`, '--mount', 'podman', ...words, join(scratch, 'packages')];
    execFileSync('nsenter', entered, { cwd: ROOT, stdio: 'pipe' });
    t.diagnostic(well('images', '--format={{.Repository}} {{.Size}}'));
  });

  test('answers a client as its own user with two capabilities', async () => {
    well('run', '--rm', ...composedOptions(), 'rackboot', 'init', '--yes', '--interface', 'br0', '--mode', 'server');
    well('run', '--detach', '--name=rack', ...composedOptions(), 'rackboot');
    await eventually('it serves', () => /"event":"interface.serving"/.test(podman('logs', 'rack').stdout), UP_MS_MAX);
    askForAddress(machine, '10.76.9.1');
    const of = well('exec', 'rack', 'cat', '/proc/1/status');
    assert.match(of, /^Uid:\s+950\s/m);
    for (const set of ['Eff', 'Prm', 'Bnd']) assert.match(of, new RegExp(`^Cap${set}:\\s+0000000000002400$`, 'm'));
    assert.match(well('exec', 'rack', 'rackboot', 'leases', 'list'), /10\.76\.9\./);
    assert.notEqual(podman('exec', 'rack', 'touch', '/etc/written').status, 0);
    assert.equal(well('exec', 'rack', 'find', '/usr/bin', '/usr/sbin', '-perm', '/6000'), '');
  });

  test('a machine boots by what it builds, and is New', async () => {
    well('exec', 'rack', 'rackboot', 'images', 'build');
    const machine = new VirtualMachine(specOf({ ...BIOS_LIFE, name: 'machine', boots: 1 }, 0, scratch), network);
    try {
      assert.equal(await within(machine), 0, tail(machine));
      assert.match(well('exec', 'rack', 'rackboot', 'machines', 'list'), / New .* 52:54:00:77:01:00 /);
    } finally {
      await machine.kill();
    }
  });

  test('stops when it is told to, and the next one has its leases', async () => {
    well('stop', '--time=20', 'rack');
    assert.match(well('inspect', '--format={{.State.ExitCode}}', 'rack'), /^0$/m);
    well('rm', 'rack');
    well('run', '--detach', '--name=rack', ...composedOptions(), 'rackboot');
    await eventually('it serves', () => podman('exec', 'rack', 'rackboot', 'status').status === 0, UP_MS_MAX);
    assert.match(well('exec', 'rack', 'rackboot', 'leases', 'list'), /10\.76\.9\./);
  });
});
