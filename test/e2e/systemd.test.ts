// The unit under a real systemd, installed as a package would be: its user and directories are made by systemd's own tools, it becomes
// ready by its own word, serves a machine on the real ports with the rights of the unit, reloads, is restarted when it hangs or is
// killed, and stops.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { missing } from '../support/needs.ts';
import { hasSwitch, overwriting } from '../support/overwriting.ts';
import { lacksSystemd, OwnSystemd } from '../support/own-systemd.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { eventually } from '../support/running-rack.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const UNIT = 'rackboot.service';
const REGION_UNIT = 'rackboot-region.service';
const NETWORK = '10.76.6.0/24';
const CONFIG = `name: rack
state_dir: /var/lib/rackboot
cluster_interfaces:
  - { name: lab, interface: eth1, ip: 10.76.6.1, network: ${NETWORK}, ip_range_low: 10.76.6.100, ip_range_high: 10.76.6.120 }
`;
/** Runs as root until it serves, and makes the key of power, too. */
const FIRST_RUN = `rackboot run --config /etc/rackboot/rackboot.yaml >/tmp/first.log 2>&1 & daemon=$!
until grep -q '"region.up"' /tmp/first.log; do kill -0 $daemon || { cat /tmp/first.log; exit 1; }; sleep 0.2; done
rackboot power key
kill $daemon
wait $daemon
[ "$(stat -c %U /var/lib/rackboot/leases.db)" = root ]`;
const skip = missing('linux', 'root', 'ip', 'unshare', 'nsenter', 'mount', 'udhcpc', 'ssh') || lacksSystemd();

describe('the service under systemd', { skip }, () => {
  let systemd: OwnSystemd;
  const run = (...command: string[]): string => {
    const { code, out, err } = systemd.run(...command);
    assert.equal(code, 0, `${command.join(' ')}: ${err}${systemd.run('journalctl', '-n', '30', '--no-pager').out}`);
    return out;
  };
  const pid = (): string => systemd.show(UNIT, 'MainPID');

  before(async () => {
    systemd = await OwnSystemd.start(ROOT, '/usr/lib/rackboot');
    // As a package lays it out: the tree in one place, read-only, and the command as a link.
    run('ln', '-s', '../lib/rackboot/bin/rackboot.js', '/usr/bin/rackboot');
    // The Node in the PATH of the service, or the packaged one if there is none.
    if (systemd.run('sh', '-c', 'command -v node').code !== 0)
      run('ln', '-s', '/usr/lib/rackboot/node_modules/.bin/node', '/usr/local/bin/node');
    for (const [name, path] of [
      ['rackboot.service', '/usr/lib/systemd/system/rackboot.service'],
      ['rackboot-region.service', `/usr/lib/systemd/system/${REGION_UNIT}`],
      ['rackboot-backup.service', '/usr/lib/systemd/system/rackboot-backup.service'],
      ['rackboot-backup.timer', '/usr/lib/systemd/system/rackboot-backup.timer'],
      ['rackboot.sysusers.conf', '/usr/lib/sysusers.d/rackboot.conf'],
      ['rackboot.tmpfiles.conf', '/usr/lib/tmpfiles.d/rackboot.conf'],
    ] as const)
      run('install', '-m', '644', join('/usr/lib/rackboot/systemd', name), path);
    run('mkdir', '-p', '/etc/rackboot', '/run/systemd/system/rackboot.service.d');
    systemd.write('/etc/rackboot/rackboot.yaml', CONFIG);
    // `sudo rackboot run` comes first, before there is a user of the service: what it leaves is root's.
    if (HAS_MANY_ROUNDS) run('sh', '-ec', FIRST_RUN);
    run('systemd-sysusers');
    run('systemd-tmpfiles', '--create', '/usr/lib/tmpfiles.d/rackboot.conf');
    run('ip', 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'cable');
    run('ip', 'netns', 'add', 'machine');
    run('ip', 'link', 'set', 'cable', 'netns', 'machine');
    run('ip', 'address', 'add', '10.76.6.1/24', 'dev', 'eth1');
    run('ip', 'link', 'set', 'eth1', 'up');
    run('ip', '-netns', 'machine', 'link', 'set', 'cable', 'up');
    run('systemctl', 'daemon-reload');
  });
  after(() => systemd?.remove());

  const isOverwriting = (): boolean => hasSwitch(run('cat', `/proc/${pid()}/environ`));

  test('makes its user and its directories', () => {
    assert.match(
      run('getent', 'passwd', 'rackboot'),
      /^rackboot:x:\d+:\d+:Rackboot:\/var\/lib\/rackboot:\/usr\/sbin\/nologin$/m,
    );
    assert.equal(
      run('stat', '-c', '%U %a', '/var/lib/rackboot', '/var/lib/rackboot/boot'),
      'rackboot 750\nrackboot 755\n',
    );
  });

  if (HAS_MANY_ROUNDS)
    test('takes over what `sudo rackboot run` left before', () => {
      for (const name of ['leases.db', 'region.db', 'ssh/id_ed25519'])
        assert.match(run('stat', '-c', '%U %n', `/var/lib/rackboot/${name}`), /^rackboot /);
      assert.equal(run('find', '/var/lib/rackboot', '!', '-user', 'rackboot'), '');
    });

  test('is ready when `enable --now` returns, and reports what it serves', async () => {
    run('systemctl', 'enable', '--now', UNIT);
    assert.equal(systemd.show(UNIT, 'ActiveState'), 'active');
    await eventually('the status line', () => systemd.show(UNIT, 'StatusText') === `serving ${NETWORK}`, 30_000);
    const status = run('cat', `/proc/${pid()}/status`);
    assert.doesNotMatch(status, /^Uid:\s+0/m);
    // CAP_NET_BIND_SERVICE and CAP_NET_RAW, and nothing else.
    for (const set of ['Eff', 'Prm', 'Bnd', 'Amb'])
      assert.match(status, new RegExp(`^Cap${set}:\\s+0000000000002400$`, 'm'));
    assert.match(status, /^NoNewPrivs:\s+1$/m);
    assert.match(status, /^Seccomp:\s+2$/m);
    assert.match(run('cat', `/proc/${pid()}/cmdline`), /main\.(?:ts|js)\0run/, 'the daemon itself is the main process');
    assert.notEqual(systemd.show(UNIT, 'WatchdogTimestampMonotonic'), '0');
    assert.equal(isOverwriting(), false, 'in service, memory is not overwritten');
  });

  if (HAS_MANY_ROUNDS)
    test('from here on overwrites borrowed memory, like every daemon of a test', () => {
      const [variable = ''] = Object.entries(overwriting()).map(([name, value]) => `${name}=${value}`);
      systemd.write('/run/systemd/system/rackboot.service.d/overwriting.conf', `[Service]\nEnvironment=${variable}\n`);
      run('systemctl', 'daemon-reload');
      run('systemctl', 'restart', UNIT);
      assert.equal(isOverwriting(), true);
    });

  test('serves a machine on the real ports, by frames to its hardware address', async () => {
    const reported = run(
      'ip',
      'netns',
      'exec',
      'machine',
      'udhcpc',
      '-i',
      'cable',
      '-n',
      '-q',
      '-t',
      '5',
      '-T',
      '2',
      '-s',
      '/bin/true',
    );
    assert.doesNotMatch(reported, /fail/);
    const log = (): string => run('journalctl', '-u', UNIT, '--no-pager', '-o', 'cat');
    await eventually('its lease in the log', () => log().includes('dhcp.ack: '));
    assert.doesNotMatch(log(), /hardware addresses need|cannot report changes/);
    // Until its region is up, `status` fails and says so.
    const sinceReady = (): string => log().split('daemon.ready: ').at(-1) ?? '';
    await eventually('its region', () => sinceReady().includes('region.up: '));
    assert.match(run('rackboot', 'status'), /Leases {2}are written to disk/);
  });

  test('is backed up by its timer, with the rights of that unit', async () => {
    run('systemctl', 'enable', '--now', 'rackboot-backup.timer');
    assert.equal(systemd.show('rackboot-backup.timer', 'ActiveState'), 'active');
    run('systemctl', 'start', 'rackboot-backup');
    assert.equal(systemd.show('rackboot-backup', 'Result'), 'success');
    assert.match(run('find', '/var/backups/rackboot', '-name', '*.tar', '-printf', '%u %m\\n'), /^root 600\n$/);
    assert.equal(run('find', '/var/lib/rackboot', '!', '-user', 'rackboot'), '');
    const log = (): string => run('journalctl', '-u', UNIT, '--no-pager', '-o', 'cat');
    await eventually('the rack hears of it', () => log().includes('daemon.backed-up: '));
    run('cp', '--archive', '/var/lib/rackboot', '/srv/rackboot');
    systemd.write('/etc/rackboot/rackboot.yaml', CONFIG.replace('/var/lib/rackboot', '/srv/rackboot'));
    run('systemctl', 'start', 'rackboot-backup');
    assert.equal(systemd.show('rackboot-backup', 'ConditionResult'), 'yes');
    assert.equal(run('find', '/var/backups/rackboot', '-name', '*.tar').trim().split('\n').length, 2);
    systemd.write('/etc/rackboot/rackboot.yaml', CONFIG);
  });

  if (HAS_MANY_ROUNDS)
    test('a separate region runs alongside the rack, with fewer rights, and stops', async () => {
      const log = '/var/lib/rackboot-region/region.log';
      const writeConfig = (port: number): void =>
        systemd.write(
          '/etc/rackboot/region.yaml',
          `state_dir: /var/lib/rackboot-region\nregion: { listen: ["127.0.0.1:${port}"], store: { kind: sqlite } }\nmetrics: { listen: [] }\nlog: { file: ${log} }\n`,
        );
      writeConfig(5250);
      run('systemctl', 'start', REGION_UNIT);
      await eventually('the status line', () => systemd.show(REGION_UNIT, 'StatusText') === 'serving 127.0.0.1:5250');
      const status = run('cat', `/proc/${systemd.show(REGION_UNIT, 'MainPID')}/status`);
      assert.doesNotMatch(status, /^Uid:\s+0/m);
      for (const set of ['Eff', 'Prm', 'Bnd', 'Amb'])
        assert.match(status, new RegExp(`^Cap${set}:\\s+0000000000000400$`, 'm'));
      assert.equal(
        run('stat', '-c', '%U %a', '/var/lib/rackboot-region', '/var/lib/rackboot-region/region.db'),
        'rackboot 750\nrackboot 600\n',
      );
      assert.match(
        run('rackboot', 'status', '--config', '/etc/rackboot/region.yaml'),
        /^Region {2}up at 127\.0\.0\.1:5250/m,
      );
      const before = systemd.show(REGION_UNIT, 'MainPID');
      writeConfig(5251);
      run('mv', log, `${log}.1`);
      run('systemctl', 'reload', REGION_UNIT);
      await eventually('a log file in its place', () => systemd.run('test', '-f', log).code === 0);
      await eventually('the new address', () => systemd.show(REGION_UNIT, 'StatusText') === 'serving 127.0.0.1:5251');
      assert.equal(systemd.show(REGION_UNIT, 'MainPID'), before, 'it is the same process');
      assert.equal(systemd.show(REGION_UNIT, 'SubState'), 'running');
      const shown = run('rackboot', 'status', '--config', '/etc/rackboot/region.yaml');
      assert.match(shown, /^Region {2}up at 127\.0\.0\.1:5251/m);
      assert.doesNotMatch(shown, /:5250/);
      run('systemctl', 'stop', REGION_UNIT);
      assert.equal(systemd.show(REGION_UNIT, 'Result'), 'success');
      assert.equal(systemd.show(REGION_UNIT, 'ExecMainStatus'), '0');
    });

  test('reloads: a good configuration and a bad one', async () => {
    systemd.write(
      '/etc/rackboot/rackboot.yaml',
      CONFIG.replace('ip_range_high: 10.76.6.120', 'ip_range_high: 10.76.6.130'),
    );
    run('systemctl', 'reload', UNIT);
    const log = (): string => run('journalctl', '-u', UNIT, '--no-pager', '-o', 'cat');
    await eventually('the new range', () => /config\.changed.*ip_range_high.*10\.76\.6\.130/.test(log()));
    await eventually('active', () => systemd.show(UNIT, 'ActiveState') === 'active');
    systemd.write('/etc/rackboot/rackboot.yaml', 'colour: blue\n');
    run('systemctl', 'reload', UNIT);
    await eventually('the refusal', () => /config\.refused/.test(log()));
    await eventually('active', () => systemd.show(UNIT, 'SubState') === 'running');
    systemd.write('/etc/rackboot/rackboot.yaml', CONFIG);
  });

  test('is restarted when it hangs, and when it is killed', async () => {
    systemd.write('/run/systemd/system/rackboot.service.d/lab.conf', '[Service]\nWatchdogSec=3\nRestartSec=100ms\n');
    run('systemctl', 'daemon-reload');
    run('systemctl', 'restart', UNIT);
    for (const signal of !HAS_MANY_ROUNDS ? ['STOP'] : ['STOP', 'KILL']) {
      const first = pid();
      run('kill', `-${signal}`, first);
      await eventually(
        `a new process after ${signal}`,
        () => !['0', first].includes(pid()) && systemd.show(UNIT, 'ActiveState') === 'active',
        40_000,
      );
      assert.equal(systemd.show(UNIT, 'StatusText').startsWith(`serving ${NETWORK}`), true);
    }
    assert.equal(isOverwriting(), HAS_MANY_ROUNDS);
    assert.match(run('rackboot', 'leases', 'list'), /10\.76\.6\.1\d\d/, 'the lease is still there');
  });

  test('stops cleanly', () => {
    run('systemctl', 'disable', '--now', UNIT);
    assert.equal(systemd.show(UNIT, 'Result'), 'success');
    assert.equal(systemd.show(UNIT, 'ExecMainStatus'), '0');
    assert.match(run('journalctl', '-u', UNIT, '--no-pager', '-o', 'cat'), /^daemon\.stopped: /m);
  });
});
