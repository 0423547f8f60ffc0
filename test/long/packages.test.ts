// What `npm run package` makes: the same bytes twice, and packages that a bare Debian installs without a network, upgrades, removes and purges.
// @host computes, 1500 s
// @disk

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { flagsFor } from '../../bin/daemon-flags.js';
import { Apt } from '../../src/images/apt.ts';
import { LabNamespace } from '../../src/lab/namespace.ts';
import { BARE_ROOT_NEEDS, BareRoot } from '../support/bare-root.ts';
import { endProgram, whileRunning } from '../support/child.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { missing } from '../support/needs.ts';
import { lacksSystemd, OwnSystemd } from '../support/own-systemd.ts';
import { eventually } from '../support/running-rack.ts';

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
const skip = missing('linux', ...BUILDS, 'lintian', 'nsenter', 'unshare', ...BARE_ROOT_NEEDS) || lacksSystemd();
const MEGABYTE = 1e6;
const SOURCES = '/etc/apt/sources.list.d/site.list';
/** The version of the package before. */
const FORMER = '0.0.9';
/** How long a restart may stop the service. */
const DOWN_MS_MAX = 10_000;
/** How long a start may take by an emulated processor. */
const EMULATED_MS_MAX = 180_000;
/** Files of dpkg, apt, systemd and passwd(5) themselves, which every package changes. */
const OTHERS =
  /^\/(?:var\/lib\/(?:dpkg|apt|systemd)|var\/cache\/(?:apt|debconf|ldconfig|man)|var\/log\/(?:apt|journal|dpkg\.log)|etc\/(?:\.pwd\.lock|.*-$)|tmp|root\/\.)/;

/** Packages the commit from a clone of `source` in `directory`. @returns the directory with the packages */
function packageIn(directory: string, source: string, words: readonly string[] = [], env = {}): string {
  const clone = join(directory, 'clone');
  execFileSync('git', ['clone', '--quiet', source, clone]);
  const link = 'cp -al "$1" "$2" 2>/dev/null || cp -a "$1" "$2"';
  execFileSync('sh', ['-c', link, 'sh', join(ROOT, 'node_modules'), clone]);
  const out = join(directory, 'packages');
  execFileSync(process.execPath, [join(clone, 'packaging/run.ts'), '--out', out, ...words], {
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
    const client = ['udhcpc', '-i', 'eth0', '-n', '-q', '-t', '5', '-T', '5', '-s', '/bin/true'];
    const { status, stderr } = spawnSync('ip', ['netns', 'exec', machine, ...client], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.ok(stderr.includes(`obtained from ${octets}.1`), stderr);
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

  test('have the same bytes when they are made again elsewhere', () => {
    const second = packageIn(join(scratch, 'another-directory'), join(scratch, 'one/clone'));
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
    skip: missing('qemu-aarch64-static', 'udhcpc'),
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

  test('that of npm is installed without building anything, and gives a client an address', {
    skip: missing('udhcpc'),
  }, async () => {
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
      const lease = (): string =>
        run(...'ip netns exec machine udhcpc -i cable -n -q -t 5 -T 2 -s /bin/true'.split(' '));
      const version = (): string => run('rackboot', '--version').split(' ')[0]?.trim() ?? '';

      before(async () => {
        place = join(scratch, release);
        mkdirSync(place);
        cpSync(join(scratch, 'repository'), join(place, 'repository'), { recursive: true });
        for (const file of debs()) cpSync(file, join(place, basename(file)));
        makeFormer(join(place, `rackboot_${VERSION}_amd64.deb`), place);
        root = await BareRoot.make(release, ['systemd', 'libstdc++6', 'iproute2', 'udhcpc', 'bsdutils', 'man-db']);
        systemd = await OwnSystemd.start(place, PLACE, root.path(''));
        run('ip', 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'cable');
        run('ip', 'netns', 'add', 'machine');
        run('ip', 'link', 'set', 'cable', 'netns', 'machine');
        run('ip', 'address', 'add', '10.76.7.1/24', 'dev', 'eth1');
        run('ip', 'link', 'set', 'eth1', 'up');
        run('ip', '-netns', 'machine', 'link', 'set', 'cable', 'up');
        // As on every Debian that was booted before.
        for (const target of ['multi-user', 'timers']) run('mkdir', '-p', `/etc/systemd/system/${target}.target.wants`);
        files = listFiles();
      });
      after(async () => {
        await systemd?.remove();
        await root?.remove();
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
      });

      test('init offers to enable the service, which then gives an address', async (t) => {
        const { code, text } = await systemd.answer('rackboot init --interface eth1');
        assert.equal(code, 0, text);
        assert.match(text, /Start the service now and at each boot, with a backup each night\?/);
        for (const unit of ['rackboot', 'rackboot-backup.timer']) {
          assert.equal(systemd.show(unit, 'ActiveState'), 'active');
          assert.equal(systemd.show(unit, 'UnitFileState'), 'enabled');
        }
        assert.doesNotMatch(lease(), /fail/);
        run('rackboot', 'check');
        const status = run('cat', `/proc/${systemd.show('rackboot', 'MainPID')}/status`);
        t.diagnostic(/^VmRSS:.*$/m.exec(status)?.[0] ?? '');
      });

      test("an upgrade from the site's repository restarts it in seconds, with its leases", async (t) => {
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
        await eventually('its leases', () => systemd.run('rackboot', 'leases', 'list').out.includes('10.76.7.'));
        assert.doesNotMatch(lease(), /fail/);
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

      test('remove keeps the state, and the next installation continues with it', () => {
        assert.equal(apt('remove', 'rackboot').code, 0);
        for (const unit of ['rackboot', 'rackboot-backup.timer'])
          assert.equal(systemd.show(unit, 'ActiveState'), 'inactive');
        run('test', '-s', '/var/lib/rackboot/leases.db');
        const { code, out, err } = apt('install', installed(VERSION));
        assert.equal(code, 0, out + err);
        for (const unit of ['rackboot', 'rackboot-backup.timer'])
          assert.equal(systemd.show(unit, 'ActiveState'), 'active');
        assert.doesNotMatch(lease(), /fail/);
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
