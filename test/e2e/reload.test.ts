// The configuration file changes under a running rack: a good one takes effect and disturbs nobody, a bad one is refused whole
// with every problem, and however an editor puts the file there, it is followed. Real sockets on loopback, by any user; a network
// that is added needs a cable, and so root.
// @host waits

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { sleep } from '../../src/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { enterOwnNetwork, ip } from '../support/own-network.ts';
import { addressOf, DhcpProbes, isOpen, loadByHttp, loadByTftp, loadSlowly } from '../support/probes.ts';
import { eventually, RunningRack, runRackboot } from '../support/running-rack.ts';

const NO_CABLE = missing('linux', 'root', 'ip');
if (NO_CABLE === false) enterOwnNetwork();

const PLACE = labPlace(25);
const ADDRESS = `${PLACE.octets}.1`;
const KERNEL = '/amd64/generic/bookworm/commissioning/linux';
const KERNEL_BYTES = 8 * 1024 * 1024;
const MS_MAX = 120_000;

describe('a configuration that changes', { skip: missing('linux') }, () => {
  let rack: RunningRack;
  let probes: DhcpProbes;
  let good = '';
  /** Where the log was when the running test began. */
  let from = 0;

  before(async () => {
    rack = new RunningRack(PLACE);
    good = readFileSync(rack.configFile, 'utf8');
    probes = await DhcpProbes.open(PLACE);
    await rack.startWhole();
  });
  after(async () => {
    await probes.close();
    await rack.remove();
  });
  beforeEach(async () => {
    if (readFileSync(rack.configFile, 'utf8') !== good) {
      from = rack.lines.length;
      rack.configure(good);
      await rack.told('config.applied', { from });
    }
    // Whatever else the watcher has seen of the test before comes to rest.
    await sleep(500);
    from = rack.lines.length;
  });

  /** The good configuration with one value replaced. */
  function changed(what: string, into: string): string {
    assert.ok(good.includes(what), what);
    return good.replace(what, into);
  }

  const pxelinuxConfig = async (): Promise<string> =>
    Buffer.from((await loadByTftp(ADDRESS, PLACE.tftpPort, 'pxelinux.cfg/default')).value).toString('latin1');
  const applied = (): Promise<unknown> => rack.told('config.applied', { from });
  const leasedAddress = async (): Promise<string> => addressOf(await probes.lease());
  const LOW = `ip_range_low: ${PLACE.octets}.100`;

  test('gives new machines the new range, keeps leases and downloads', { timeout: MS_MAX }, async () => {
    const mac = probes.newMac();
    const first = addressOf(await probes.lease(mac));
    const download = loadSlowly(ADDRESS, PLACE.httpPort, KERNEL);
    rack.configure(changed(LOW, `ip_range_low: ${PLACE.octets}.150`));
    await applied();
    assert.ok(Number((await leasedAddress()).split('.')[3]) >= 150);
    assert.equal((await download).length, KERNEL_BYTES);
    assert.equal(rack.events('dhcp.socket-open', from).length, 0, 'no socket was opened anew');
    rack.configure(good);
    from = rack.lines.length;
    await applied();
    assert.equal(addressOf(await probes.lease(mac)), first);
  });

  test('gives loaders the new kernel parameters', { timeout: MS_MAX }, async () => {
    assert.doesNotMatch(await pxelinuxConfig(), /console=ttyS4/);
    rack.configure(changed('boot: {', 'boot: { kernel_params: "console=ttyS4,115200 quiet",'));
    await applied();
    assert.match(await pxelinuxConfig(), /console=ttyS4,115200 quiet/);
  });

  test('moves one listener and leaves the others', { timeout: MS_MAX }, async () => {
    const port = PLACE.tftpPort + 1000;
    rack.configure(
      changed(`listen_port: ${PLACE.tftpPort}`, `listen_port: ${port}`).replace(
        `["${ADDRESS}:${PLACE.httpPort}"]`,
        `["${ADDRESS}:${PLACE.httpPort}", "${ADDRESS}:${PLACE.httpPort + 1000}"]`,
      ),
    );
    await applied();
    assert.equal((await loadByTftp(ADDRESS, port, 'lpxelinux.0')).value.length, 44_000);
    assert.equal((await loadByHttp(ADDRESS, PLACE.httpPort + 1000, '/lpxelinux.0')).value.status, 200);
    const { tftp } = await rack.status();
    assert.deepEqual(tftp?.listening, [`${ADDRESS}:${port}`]);
    rack.configure(good);
    from = rack.lines.length;
    await applied();
    await eventually('the further listener is closed', async () => !(await isOpen(ADDRESS, PLACE.httpPort + 1000)));
  });

  test('gives the region a further listener, and takes it away', { timeout: MS_MAX }, async (t) => {
    const port = PLACE.regionPort + 1000;
    const further = changed(
      `["127.0.0.1:${PLACE.regionPort}"]`,
      `["127.0.0.1:${PLACE.regionPort}", "${ADDRESS}:${port}"]`,
    );
    rack.configure(further);
    await rack.told('region.up', { from, match: ({ addresses }) => String(addresses).includes(`:${port}`) });
    assert.equal((await loadByHttp(ADDRESS, port, '/MAAS/api/version/')).value.status, 200);
    assert.deepEqual(rack.events('config.needs-restart', from), []);
    from = rack.lines.length;
    rack.configure(good);
    await applied();
    await eventually('the further listener is closed', async () => !(await isOpen(ADDRESS, port)));
    from = rack.lines.length;
    const holder = createServer((socket) => socket.destroy()).listen(port, ADDRESS);
    t.after(() => holder.close());
    await once(holder, 'listening');
    rack.configure(further);
    const refused = await rack.told('config.refused', { from });
    assert.match(String(refused.problems), new RegExp(`:${port} \\(TCP\\) is in use.*region\\.listen`));
    assert.deepEqual(rack.events('config.applied', from), [], 'what a start would refuse is not applied');
    rack.configure(good);
    from = rack.lines.length;
    await applied();
    assert.equal((await loadByHttp('127.0.0.1', PLACE.regionPort, '/MAAS/api/version/')).value.status, 200);
    assert.equal((await rack.status()).region?.state, 'up');
    assert.deepEqual(rack.events('region.down'), []);
  });

  test('with problems is refused whole, each problem told; the last good one stays', { timeout: MS_MAX }, async () => {
    rack.configure(
      changed(LOW, `ip_range_low: ${PLACE.octets}.150`)
        .replace('management: 2', 'management: 9')
        .concat('colour: blue\n'),
    );
    const refused = await rack.told('config.refused', { from });
    const problems = String(refused.problems).split('\n');
    assert.equal(problems.length, 2);
    assert.match(problems.join('\n'), /rackboot\.yaml:6: cluster_interfaces\[0\]\.management: /);
    assert.match(problems.join('\n'), /rackboot\.yaml:\d+: colour: unknown key/);
    const { output } = await runRackboot(['status', '--config', rack.configFile]);
    assert.match(
      output.join('\n'),
      /^BAD +the configuration file is refused since 20\S+, .*management: .*\(and 1 more\)/m,
    );
    assert.ok(Number((await leasedAddress()).split('.')[3]) < 150);
    from = rack.lines.length;
    process.kill(rack.pid, 'SIGHUP');
    await rack.told('config.refused', { from });
    assert.deepEqual(rack.events('config.applied', from), []);
  });

  test('with a port that is taken is refused whole; the last good one stays', { timeout: MS_MAX }, async () => {
    const holder = createServer((socket) => socket.destroy()).listen(PLACE.httpPort + 1000, ADDRESS);
    await once(holder, 'listening');
    try {
      rack.configure(
        changed(LOW, `ip_range_low: ${PLACE.octets}.150`)
          .replace(`${ADDRESS}:${PLACE.httpPort}`, `${ADDRESS}:${PLACE.httpPort + 1000}`)
          .replace(`listen_port: ${PLACE.tftpPort}`, `listen_port: ${PLACE.tftpPort + 1000}`),
      );
      const refused = await rack.told('config.refused', { from });
      assert.match(String(refused.problems), new RegExp(`:${PLACE.httpPort + 1000} \\(TCP\\) is in use`));
      await sleep(200);
      assert.ok(Number((await leasedAddress()).split('.')[3]) < 150, 'the range before');
      assert.equal((await loadByTftp(ADDRESS, PLACE.tftpPort, 'lpxelinux.0')).value.length, 44_000);
      assert.equal((await loadByHttp(ADDRESS, PLACE.httpPort, '/lpxelinux.0')).value.status, 200);
      const { tftp, http } = await rack.status();
      assert.deepEqual(tftp?.listening, [`${ADDRESS}:${PLACE.tftpPort}`]);
      assert.deepEqual(http?.listening, [`${ADDRESS}:${PLACE.httpPort}`]);
    } finally {
      holder.close();
    }
  });

  test('with an interface that is not there yet is applied, and what it no longer has is closed', {
    timeout: MS_MAX,
  }, async () => {
    const listen = `["${ADDRESS}:${PLACE.httpPort}"]`;
    const [further, absent] = [`"${ADDRESS}:${PLACE.httpPort + 1000}"`, `"10.64.0.1:${PLACE.httpPort}"`];
    rack.configure(changed(listen, `["${ADDRESS}:${PLACE.httpPort}", ${further}]`));
    await applied();
    from = rack.lines.length;
    const more =
      '  - name: absent\n    interface: absent0\n    ip: 10.64.0.1\n    network: 10.64.0.0/24\n' +
      '    ip_range_low: 10.64.0.100\n    ip_range_high: 10.64.0.199\n';
    rack.configure(changed('dhcp: {', `${more}dhcp: {`).replace(listen, `[${absent}, "${ADDRESS}:${PLACE.httpPort}"]`));
    await applied();
    await rack.told('interface.waiting', { from, match: (line) => line.interface === 'absent0' });
    assert.equal(await isOpen(ADDRESS, PLACE.httpPort + 1000), false, 'the listener that was taken out');
    assert.equal((await loadByHttp(ADDRESS, PLACE.httpPort, '/lpxelinux.0')).value.status, 200);
    assert.ok(await probes.leaseWithin(5000));
  });

  test('names what only a restart changes, and applies the rest', { timeout: MS_MAX }, async () => {
    rack.configure(
      changed(JSON.stringify(rack.stateDir), JSON.stringify(`${rack.stateDir}2`)).replace(
        'boot: {',
        'boot: { kernel_params: quiet,',
      ),
    );
    assert.equal((await rack.told('config.needs-restart', { from })).keys, 'state_dir');
    await applied();
    assert.match(await pxelinuxConfig(), /quiet/);
    assert.equal((await rack.status()).name, 'lab');
  });

  test('is followed when an editor replaces the file, removes it first, or writes it in two goes', {
    timeout: MS_MAX,
  }, async () => {
    const next = changed('boot: {', 'boot: { kernel_params: quiet,');
    writeFileSync(`${rack.configFile}.swp`, next);
    renameSync(`${rack.configFile}.swp`, rack.configFile);
    await applied();

    // As vim does it with backupcopy=no: the old one is moved away, then a new one is written.
    from = rack.lines.length;
    renameSync(rack.configFile, `${rack.configFile}~`);
    writeFileSync(rack.configFile, good);
    await applied();
    assert.deepEqual(rack.events('config.refused', from), []);

    from = rack.lines.length;
    writeFileSync(rack.configFile, next.slice(0, 200));
    await sleep(60);
    writeFileSync(rack.configFile, next);
    await applied();
    assert.deepEqual(rack.events('config.refused', from), []);

    from = rack.lines.length;
    unlinkSync(rack.configFile);
    assert.match(String((await rack.told('config.refused', { from })).problems), /there is no configuration/);
    assert.ok(await probes.lease(), 'the last good one stays');
    from = rack.lines.length;
    writeFileSync(rack.configFile, good);
    await applied();
  });

  test('is read again on SIGHUP, also when nothing in its directory changed', { timeout: MS_MAX }, async () => {
    process.kill(rack.pid, 'SIGHUP');
    await applied();
    assert.deepEqual(rack.events('dhcp.socket-open', from), []);
    assert.deepEqual(rack.events('interface.serving', from), []);
  });

  test('is followed through a link that is switched to another directory', { timeout: MS_MAX }, async () => {
    // As a mounted configuration is replaced: file → current/file, current → version.
    const place = (version: string, text: string): void => {
      mkdirSync(join(rack.directory, version), { recursive: true });
      writeFileSync(join(rack.directory, version, 'rackboot.yaml'), text);
      symlinkSync(version, join(rack.directory, 'current.next'));
      renameSync(join(rack.directory, 'current.next'), join(rack.directory, 'current'));
    };
    place('one', good);
    symlinkSync(join('current', 'rackboot.yaml'), `${rack.configFile}.next`);
    renameSync(`${rack.configFile}.next`, rack.configFile);
    await applied();
    await sleep(500);
    from = rack.lines.length;
    place('two', changed('boot: {', 'boot: { kernel_params: quiet,'));
    await applied();
    const text = Buffer.from((await loadByTftp(ADDRESS, PLACE.tftpPort, 'pxelinux.cfg/default')).value);
    assert.match(text.toString('latin1'), /quiet/);
    await sleep(500);
    from = rack.lines.length;
    writeFileSync(join(rack.directory, 'two', 'rackboot.yaml'), good);
    await applied();
    rmSync(rack.configFile);
    rack.configure(good);
  });

  test('brings a network on another interface into service', { skip: NO_CABLE, timeout: MS_MAX }, async () => {
    ip('link add more0 type veth peer name more1');
    ip('link set more0 up');
    ip('link set more1 up');
    ip('addr add 10.63.0.1/24 dev more0');
    // Both ends are on this host, which would otherwise take the rack's address for a forged one.
    writeFileSync('/proc/sys/net/ipv4/conf/all/accept_local', '1');
    const download = loadSlowly(ADDRESS, PLACE.httpPort, KERNEL);
    const more =
      '  - name: more\n    interface: more0\n    ip: 10.63.0.1\n    network: 10.63.0.0/24\n' +
      '    ip_range_low: 10.63.0.100\n    ip_range_high: 10.63.0.199\n';
    rack.configure(changed('dhcp: {', `${more}dhcp: {`));
    await applied();
    await rack.told('interface.serving', { from, match: (line) => line.interface === 'more0' });
    const further = await DhcpProbes.open(PLACE, 'more1');
    try {
      assert.match(addressOf((await further.leaseWithin(10_000)) ?? assert.fail('no lease')), /^10\.63\.0\.1\d\d$/);
      assert.match(await leasedAddress(), new RegExp(`^${PLACE.octets}`), 'the first network is served as before');
      assert.equal((await download).length, KERNEL_BYTES);
      rack.configure(good);
      from = rack.lines.length;
      await applied();
      assert.equal((await rack.status()).interfaces.length, 1);
      assert.equal(await further.leaseWithin(1500), undefined, 'a network that is gone is not served');
    } finally {
      await further.close();
      ip('link del more0');
    }
  });
});
