// What `npm run package` makes: the same bytes twice, and packages that a bare Debian installs without a network, upgrades while a machine loads,
// removes and purges. A machine that boots by it is enlisted, commissioned and deployed.
// @host alone
// @disk

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { flagsFor } from '../../bin/daemon-flags.js';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { Apt } from '../../src/images/build/apt.ts';
import { cachedBootTree } from '../../src/lab/boot-tree.ts';
import { BRIDGE, LabNamespace } from '../../src/lab/namespace.ts';
import { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { askForAddress } from '../support/ask-for-address.ts';
import { BARE_ROOT_NEEDS, BareRoot } from '../support/bare-root.ts';
import { bootTreeNeeds } from '../support/boot-tree-needs.ts';
import { endProgram, whileRunning } from '../support/child.ts';
import { cachedDebianImage, DEBIAN_IMAGE_NEEDS } from '../support/debian-image.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { specOf, tail, within } from '../support/first-boot.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { missing } from '../support/needs.ts';
import { lacksSystemd, OwnSystemd } from '../support/own-systemd.ts';
import { REBOOTING } from '../support/powered-machine.ts';
import { eventually } from '../support/running-rack.ts';
import { BIOS_LIFE } from '../support/whole-life.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const PLACE = '/mnt/packages';
const VERSION: string = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
const BUILDS = [
  'git',
  'dpkg-deb',
  'x86_64-linux-gnu-strip',
  'aarch64-linux-gnu-strip',
  'apt-ftparchive',
  'gpg',
] as const;
const NEEDS = [
  'linux',
  ...BUILDS,
  'lintian',
  'nsenter',
  'unshare',
  'udhcpc',
  'qemu-system-x86_64',
  'tc',
  'ssh',
] as const;
const skip = missing(...NEEDS, ...BARE_ROOT_NEEDS, ...DEBIAN_IMAGE_NEEDS, ...bootTreeNeeds()) || lacksSystemd();
const MEGABYTE = 1e6;
const SOURCES = '/etc/apt/sources.list.d/site.list';
/** The version of the package before. */
const FORMER = '0.0.9';
const TREE = '/var/lib/rackboot/boot';
/** How long a restart may stop the service: ten seconds for a transfer in progress, and the start. */
const DOWN_MS_MAX = 15_000;
/** So slow a cable that a machine still loads when the service restarts. */
const SLOW = 'root tbf rate 3mbit burst 64kb latency 300ms';
const LOADS_MS_MAX = 120_000;
const LIFE_MS_MAX = 900_000;
/** How long a start may take by an emulated processor. */
const EMULATED_MS_MAX = 180_000;
/** Files of dpkg, apt, systemd and passwd(5) themselves, which every package changes. */
const OTHERS =
  /^\/(?:var\/lib\/(?:dpkg|apt|systemd)|var\/cache\/(?:apt|debconf|ldconfig|man)|var\/log\/(?:apt|journal|(?:alternatives|dpkg)\.log)|etc\/(?:\.pwd\.lock|.*-$)|tmp|root\/\.)/;

/** Packages the commit from a clone of `source` in `directory`. @returns the directory with the packages */
function packageIn(directory: string, source: string, words: readonly string[] = [], env = {}): string {
  const clone = join(directory, 'clone');
  execFileSync('git', ['clone', '--quiet', source, clone]);
  const link = 'cp -al "$1" "$2" 2>/dev/null || cp -a "$1" "$2"';
  execFileSync('sh', ['-c', link, 'sh', join(ROOT, 'node_modules'), clone]);
  const out = join(directory, 'packages');
  const both = ['--arch', 'amd64', '--arch', 'arm64'];
  execFileSync(process.execPath, [join(clone, 'packaging/run.ts'), ...both, '--out', out, ...words], {
    cwd: clone,
    env: { ...process.env, ...env },
    stdio: 'pipe',
  });
  return out;
}

/** The same package with an older version. */
function makeFormer(file: string, out: string): void {
  const tree = join(out, 'former');
  execFileSync('dpkg-deb', ['--raw-extract', file, tree]);
  for (const name of ['DEBIAN/control', 'DEBIAN/preinst', 'usr/lib/rackboot/package.json']) {
    const path = join(tree, name);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(VERSION, FORMER));
  }
  const former = join(out, `rackboot_${FORMER}_amd64.deb`);
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z1', '--build', tree, former], { stdio: 'pipe' });
}

/** Starts a rack by this command on a network of its own, where a client then gets an address. */
async function giveAddress(octets: string, place: string, program: string, ...words: readonly string[]): Promise<void> {
  const network = LabNamespace.create(`rb-package-${process.pid}`, `${octets}.1`, 24);
  const machine = network.addHost('machine', '52:54:00:76:10:01');
  const config = join(place, 'rackboot.yaml');
  const range = `ip_range_low: ${octets}.100, ip_range_high: ${octets}.120`;
  const lab = `{ name: lab, interface: br0, ip: ${octets}.1, network: ${octets}.0/24, ${range} }`;
  writeFileSync(config, `name: rack\nstate_dir: ${place}/state\ncluster_interfaces: [${lab}]\n`);
  const child = network.spawn(program, [...words, 'run', '--config', config], { stdio: ['ignore', 'pipe', 'inherit'] });
  let log = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    log += bytes.toString('utf8');
  });
  try {
    const serves = eventuallyWithin(EMULATED_MS_MAX, 'it serves', () => log.includes('"event":"daemon.ready"'));
    await whileRunning(child, serves, () => log);
    askForAddress(machine, `${octets}.1`);
  } finally {
    await endProgram(child, 'SIGKILL');
    network.remove();
  }
}

describe('the packages', { skip }, () => {
  let scratch = '';
  let first = '';
  const gpg = new GpgHome();
  const debs = (): string[] => globSync('*.deb', { cwd: first }).map((name) => join(first, name));
  before(() => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-packages-'));
    const words = ['--repository', join(scratch, 'repository'), '--key', gpg.makeKey('site')];
    first = packageIn(join(scratch, 'one'), ROOT, words, { GNUPGHOME: gpg.directory });
  });
  after(() => {
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('have the same bytes when they are made again elsewhere, by a user with other settings', () => {
    const repository = join(scratch, 'private');
    const words = ['--repository', repository];
    const usual = process.umask(0o077);
    const second = packageIn(join(scratch, 'another-directory'), join(scratch, 'one/clone'), words, {
      LC_ALL: 'de_DE.UTF-8',
    });
    process.umask(usual);
    // A web server reads it as another user.
    assert.equal(execFileSync('find', [repository, '!', '-perm', '-044'], { encoding: 'utf8' }), '');
    const names = globSync('*', { cwd: first }).sort();
    assert.deepEqual(globSync('*', { cwd: second }).sort(), names);
    assert.equal(names.filter((name) => name.endsWith('.deb')).length, 2);
    for (const name of names) execFileSync('cmp', [join(first, name), join(second, name)]);
    execFileSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: second, stdio: 'pipe' });
  });

  test('are small, and lintian finds no error', (t) => {
    for (const file of debs()) {
      const kilobytes = Number(execFileSync('dpkg-deb', ['--field', file, 'Installed-Size']));
      const { size } = statSync(file);
      t.diagnostic(
        `${file}: ${(size / MEGABYTE).toFixed(1)} MB, installed ${((kilobytes * 1024) / MEGABYTE).toFixed(1)} MB`,
      );
      assert.ok(size < 45 * MEGABYTE && kilobytes * 1024 < 150 * MEGABYTE, file);
      const { stdout, status } = spawnSync('lintian', ['--allow-root', '--fail-on', 'error', file], {
        encoding: 'utf8',
      });
      assert.equal(status, 0, stdout);
    }
  });

  test('that of arm64 gives a client an address, by an emulated processor', {
    skip: missing('qemu-aarch64-static'),
  }, async () => {
    const place = join(scratch, 'arm64');
    const files = join(place, 'root');
    const query = { architecture: 'arm64', release: 'bookworm', directory: join(place, 'debs') };
    const apt = await Apt.open({ ...query, onProgress: () => undefined });
    await apt.download(['libc6', 'libgcc-s1', 'libstdc++6']);
    for (const name of globSync('*.deb', { cwd: query.directory }))
      execFileSync('dpkg-deb', ['--extract', join(query.directory, name), files]);
    execFileSync('dpkg-deb', ['--extract', join(first, `rackboot_${VERSION}_arm64.deb`), files]);
    const library = join(files, 'usr/lib/rackboot');
    const words = ['-L', files, join(library, 'bin/node'), ...flagsFor('main.js'), join(library, 'dist/main.js')];
    await giveAddress('10.76.10', place, 'qemu-aarch64-static', ...words);
  });

  test('that of npm is installed without building anything, and gives a client an address', async () => {
    const prefix = join(scratch, 'prefix');
    const tarball = join(first, `rackboot-${VERSION}.tgz`);
    const words = ['install', '--global', '--ignore-scripts', '--prefix', prefix, tarball];
    execFileSync('npm', words, { stdio: 'pipe' });
    const program = join(prefix, 'bin/rackboot');
    const printed = execFileSync(program, ['--version'], { encoding: 'utf8' });
    assert.match(printed, new RegExp(`^${VERSION} \\(commit [0-9a-f]{12}\\)$`, 'm'));
    await giveAddress('10.76.11', prefix, program);
  });

  for (const release of ['bookworm', 'trixie'])
    describe(`on a bare Debian ${release}`, () => {
      let root: BareRoot;
      let systemd: OwnSystemd;
      let network: LabNamespace;
      let client = '';
      let machine: VirtualMachine;
      let place = '';
      let files: ReadonlySet<string>;
      const run = (...command: string[]): string => {
        const { code, out, err } = systemd.run(...command);
        assert.equal(code, 0, `${command.join(' ')}: ${out}${err}`);
        return out;
      };
      const apt = (...words: readonly string[]) =>
        systemd.run('env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-y', '--no-install-recommends', ...words);
      const installed = (version: string): string => `${PLACE}/rackboot_${version}_amd64.deb`;
      const listFiles = (): ReadonlySet<string> =>
        new Set(
          run('find', '/', '-xdev')
            .split('\n')
            .filter((path) => !OTHERS.test(path)),
        );
      const lease = (): void => askForAddress(client, '10.77.0.1');
      const shown = (): { readonly status: string; readonly name: string; readonly address: string } => {
        const [first] = machinesShape.parse(JSON.parse(run('rackboot', 'machines', 'list', '--json')));
        return { status: first?.status_name ?? '', name: first?.hostname ?? '', address: first?.ip_addresses[0] ?? '' };
      };
      /** Powers the machine on, and waits until it has powered itself off. */
      const powerOn = async (): Promise<void> => assert.equal(await within(machine), 0, tail(machine));
      const journal = (): string => run('journalctl', '--unit', 'rackboot', '--output', 'cat', '--no-pager');
      const cable = (...words: readonly string[]): void => {
        const [act = '', ...more] = words;
        execFileSync('tc', ['-netns', network.name, 'qdisc', act, 'dev', BRIDGE, ...more]);
      };
      const version = (): string => run('rackboot', '--version').split(' ')[0]?.trim() ?? '';

      before(async () => {
        place = join(scratch, release);
        mkdirSync(place);
        cpSync(join(scratch, 'repository'), join(place, 'repository'), { recursive: true });
        for (const file of debs()) cpSync(file, join(place, basename(file)));
        makeFormer(join(place, `rackboot_${VERSION}_amd64.deb`), place);
        cpSync(await cachedBootTree(() => undefined), join(place, 'boot'), { recursive: true });
        network = LabNamespace.create(`rb-package-${process.pid}`, '10.77.0.1', 24);
        client = network.addHost('client', '52:54:00:76:07:01');
        const spec = specOf({ ...BIOS_LIFE, name: release, boots: 1 }, 0, place);
        machine = new VirtualMachine({ ...spec, furtherArguments: REBOOTING }, network);
        root = await BareRoot.make(release, ['systemd', 'libstdc++6', 'bsdutils', 'man-db']);
        systemd = await OwnSystemd.start(place, PLACE, root.path(''), network.name);
        // As on every Debian that was booted before.
        for (const target of ['multi-user', 'timers']) run('mkdir', '-p', `/etc/systemd/system/${target}.target.wants`);
        files = listFiles();
      });
      after(async () => {
        await machine?.kill();
        await systemd?.remove();
        await root?.remove();
        network?.remove();
      });

      test('it installs without a network, and starts nothing', (t) => {
        const from = process.hrtime.bigint();
        const { code, out, err } = apt('install', installed(FORMER));
        assert.equal(code, 0, out + err);
        t.diagnostic(`installed in ${Number(process.hrtime.bigint() - from) / 1e9} s`);
        assert.match(out, /sudo rackboot init/);
        assert.equal(version(), FORMER);
        for (const unit of ['rackboot', 'rackboot-region', 'rackboot-backup.timer']) {
          assert.equal(systemd.show(unit, 'ActiveState'), 'inactive');
          assert.equal(systemd.show(unit, 'UnitFileState'), 'disabled');
        }
        assert.match(run('sh', '-c', 'MANWIDTH=80 man rackboot-images | cat'), /rackboot images build/);
        assert.match(run('maas', '--help'), /\blogin\b/);
        assert.equal(run('maas-region-admin', '--version').split(' ')[0]?.trim(), FORMER);
      });

      test('init offers to enable the service, which then gives an address', async (t) => {
        const { code, text } = await systemd.answer(`rackboot init --interface ${BRIDGE}`);
        assert.equal(code, 0, text);
        assert.match(text, /Start the service now and at each boot, with a backup each night\?/);
        for (const unit of ['rackboot', 'rackboot-backup.timer']) {
          assert.equal(systemd.show(unit, 'ActiveState'), 'active');
          assert.equal(systemd.show(unit, 'UnitFileState'), 'enabled');
        }
        lease();
        run('rackboot', 'check');
        const status = run('cat', `/proc/${systemd.show('rackboot', 'MainPID')}/status`);
        t.diagnostic(/^VmRSS:.*$/m.exec(status)?.[0] ?? '');
      });

      test("an upgrade from the site's repository restarts it in seconds, with its leases, and a machine that loads is enlisted", async (t) => {
        run('cp', '-r', `${PLACE}/boot/.`, TREE);
        run('chown', '-R', 'rackboot:', TREE);
        cable('add', ...SLOW.split(' '));
        const enlisted = powerOn();
        await eventually('the machine has its kernel', () => / file=\S*\/linux\b/.test(journal()), LOADS_MS_MAX);
        const former = systemd.show('rackboot', 'MainPID');
        const signed = `signed-by=${PLACE}/repository/rackboot-archive-keyring.gpg`;
        systemd.write(SOURCES, `deb [${signed}] file:${PLACE}/repository stable main\n`);
        const only = ['-o', `Dir::Etc::sourcelist=${SOURCES}`, '-o', 'Dir::Etc::sourceparts=-'];
        const updated = apt(...only, 'update', '--error-on=any');
        assert.equal(updated.code, 0, updated.out + updated.err);
        const { code, out, err } = apt(...only, 'install', 'rackboot');
        run('rm', SOURCES);
        assert.equal(code, 0, out + err);
        assert.equal(version(), VERSION);
        assert.notEqual(systemd.show('rackboot', 'MainPID'), former);
        const at = (name: string): number => Number(systemd.show('rackboot', `${name}TimestampMonotonic`)) / 1000;
        const downMs = at('ActiveEnter') - at('ActiveExit');
        t.diagnostic(`it was down for ${downMs} ms`);
        assert.ok(downMs < DOWN_MS_MAX, `${downMs} ms`);
        assert.match(journal(), /daemon\.finishing: .* transfers=1\b/);
        cable('del', 'root');
        await eventually('its leases', () => systemd.run('rackboot', 'leases', 'list').out.includes('10.77.0.'));
        lease();
        await enlisted;
        assert.equal(shown().status, 'New');
      });

      test('the machine is commissioned and deployed, and its owner logs in', async () => {
        const image = await cachedDebianImage();
        cpSync(image.path, join(place, 'image'));
        execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(place, 'owner')]);
        writeFileSync(join(place, 'password'), 'correct-horse\n');
        run('rackboot', 'createadmin', '--username', 'admin', '--password-file', `${PLACE}/password`);
        run('rackboot', 'sshkeys', 'add', `${PLACE}/owner.pub`);
        const named = ['--os', image.os, '--release', image.release, '--arch', image.architecture];
        run('rackboot', 'images', 'add', `${PLACE}/image`, ...named);
        const { name } = shown();
        run('rackboot', 'machines', 'accept', name);
        await powerOn();
        assert.equal(shown().status, 'Ready');
        run('rackboot', 'machines', 'deploy', name, `${image.os}/${image.release}`);
        const ended = machine.start();
        await eventually('it is Deployed', () => shown().status === 'Deployed', LIFE_MS_MAX);
        const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes'];
        const words = ['-i', join(place, 'owner'), ...options.flatMap((option) => ['-o', option])];
        const login = ['ssh', ...words, `debian@${shown().address}`, 'hostname; sudo poweroff'];
        const { stdout, stderr } = spawnSync('ip', ['netns', 'exec', network.name, ...login], { encoding: 'utf8' });
        assert.equal(stdout.trim(), name, stderr);
        assert.equal(await ended, 0, tail(machine));
      });

      test('a downgrade is refused while it serves on', () => {
        const [present, serving] = [version(), systemd.show('rackboot', 'MainPID')];
        const { code, out, err } = apt('--allow-downgrades', 'install', installed(FORMER));
        assert.notEqual(code, 0);
        assert.match(out + err, /nothing was changed/);
        assert.equal(version(), present);
        assert.equal(systemd.show('rackboot', 'MainPID'), serving);
        assert.equal(systemd.show('rackboot', 'ActiveState'), 'active');
      });

      test('a service that somebody stopped stays so when the package is installed again', () => {
        run('systemctl', 'stop', 'rackboot');
        const { code, out, err } = apt('--reinstall', 'install', installed(VERSION));
        assert.equal(code, 0, out + err);
        assert.equal(systemd.show('rackboot', 'ActiveState'), 'inactive');
        assert.equal(systemd.show('rackboot-backup.timer', 'ActiveState'), 'active');
        run('systemctl', 'start', 'rackboot');
      });

      test('remove keeps the state, and the next installation continues with it', () => {
        assert.equal(apt('remove', 'rackboot').code, 0);
        for (const unit of ['rackboot', 'rackboot-backup.timer'])
          assert.equal(systemd.show(unit, 'ActiveState'), 'inactive');
        run('test', '-s', '/var/lib/rackboot/leases.db');
        const { code, out, err } = apt('install', installed(VERSION));
        assert.equal(code, 0, out + err);
        for (const unit of ['rackboot', 'rackboot-backup.timer'])
          assert.equal(systemd.show(unit, 'ActiveState'), 'active');
        lease();
      });

      test('purge removes nothing while another rack runs with the state', () => {
        run('systemctl', 'stop', 'rackboot');
        const rights = 'AmbientCapabilities=CAP_NET_BIND_SERVICE CAP_NET_RAW';
        const unit = ['Type=notify', 'User=rackboot', rights].flatMap((property) => ['--property', property]);
        run('systemd-run', '--unit', 'another', ...unit, 'rackboot', 'run');
        assert.notEqual(apt('purge', 'rackboot').code, 0);
        for (const file of ['/var/lib/rackboot/leases.db', '/etc/rackboot/rackboot.yaml']) run('test', '-s', file);
        run('systemctl', 'stop', 'another');
      });

      test('purge says what it removes, and leaves nothing', () => {
        const { code, out } = apt('purge', 'rackboot');
        assert.equal(code, 0, out);
        for (const place of ['/etc/rackboot', '/var/lib/rackboot'])
          assert.match(out, new RegExp(`^Removed ${place} \\(`, 'm'));
        assert.deepEqual([...listFiles().symmetricDifference(files)], []);
        assert.notEqual(systemd.run('getent', 'passwd', 'rackboot').code, 0);
        assert.notEqual(systemd.run('getent', 'group', 'rackboot').code, 0);
      });
    });
});
