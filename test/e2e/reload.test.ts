// The configuration file changes under a running rack: a good one takes effect and disturbs no client, a bad one is refused whole
// with every problem, and however an editor puts the file there, it is followed. Real sockets on loopback, by any user; a network
// that is added needs a cable, and so root.
// @host waits

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { sleep } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { ChangingRack, KERNEL, KERNEL_BYTES } from '../support/changing-rack.ts';
import { missing } from '../support/needs.ts';
import { enterOwnNetwork, ip } from '../support/own-network.ts';
import { addressOf, DhcpProbes, isOpen, loadByHttp, loadByTftp, loadSlowly } from '../support/probes.ts';

const NO_CABLE = missing('linux', 'root', 'ip');
if (NO_CABLE === false) enterOwnNetwork();

const PLACE = labPlace(25);
const ADDRESS = `${PLACE.octets}.1`;

describe('a configuration that changes', { skip: missing('linux') }, () => {
  const lab = new ChangingRack(PLACE, { restMs: 500 });

  const pxelinuxConfig = async (): Promise<string> =>
    Buffer.from((await loadByTftp(ADDRESS, PLACE.tftpPort, 'pxelinux.cfg/default')).value).toString('latin1');
  const LOW = `ip_range_low: ${PLACE.octets}.100`;

  test('gives loaders the new kernel parameters', async () => {
    assert.doesNotMatch(await pxelinuxConfig(), /console=ttyS4/);
    lab.configure(lab.changed('boot: {', 'boot: { kernel_params: "console=ttyS4,115200 quiet",'));
    await lab.applied();
    assert.match(await pxelinuxConfig(), /console=ttyS4,115200 quiet/);
  });

  test('with problems is refused whole, with each problem reported; the last good one stays', async () => {
    lab.configure(
      lab
        .changed(LOW, `ip_range_low: ${PLACE.octets}.150`)
        .replace('management: 2', 'management: 9')
        .concat('colour: blue\n'),
    );
    const refused = await lab.reported('config.refused');
    const problems = String(refused.problems).split('\n');
    assert.equal(problems.length, 2);
    assert.match(problems.join('\n'), /rackboot\.yaml:6: cluster_interfaces\[0\]\.management: /);
    assert.match(problems.join('\n'), /rackboot\.yaml:\d+: colour: unknown key/);
    const { output } = await lab.rack.rackboot('status');
    assert.match(
      output.join('\n'),
      /^BAD +configuration: the configuration file is refused since 20\S+ \S+; .*management: .*\(and 1 more\)/m,
    );
    assert.ok(Number((await lab.leasedAddress()).split('.')[3]) < 150);
    lab.mark();
    process.kill(lab.rack.pid, 'SIGHUP');
    await lab.reported('config.refused');
    assert.deepEqual(lab.events('config.applied'), []);
  });

  test('with a port in use is refused whole; the last good one stays', async () => {
    const holder = createServer((socket) => socket.destroy()).listen(PLACE.httpPort + 1000, ADDRESS);
    await once(holder, 'listening');
    try {
      lab.configure(
        lab
          .changed(LOW, `ip_range_low: ${PLACE.octets}.150`)
          .replace(`${ADDRESS}:${PLACE.httpPort}`, `${ADDRESS}:${PLACE.httpPort + 1000}`)
          .replace(`listen_port: ${PLACE.tftpPort}`, `listen_port: ${PLACE.tftpPort + 1000}`),
      );
      const refused = await lab.reported('config.refused');
      assert.match(String(refused.problems), new RegExp(`:${PLACE.httpPort + 1000} \\(TCP\\) is in use`));
      await sleep(200);
      assert.ok(Number((await lab.leasedAddress()).split('.')[3]) < 150, 'the range before');
      assert.equal((await loadByTftp(ADDRESS, PLACE.tftpPort, 'lpxelinux.0')).value.length, 44_000);
      assert.equal((await loadByHttp(ADDRESS, PLACE.httpPort, '/lpxelinux.0')).value.status, 200);
      const { tftp, http } = await lab.rack.status();
      assert.deepEqual(tftp?.listening, [`${ADDRESS}:${PLACE.tftpPort}`]);
      assert.deepEqual(http?.listening, [`${ADDRESS}:${PLACE.httpPort}`]);
    } finally {
      holder.close();
    }
  });

  test('with an interface that does not exist yet is applied, and removed listeners are closed', async () => {
    const listen = `["${ADDRESS}:${PLACE.httpPort}"]`;
    const [further, absent] = [`"${ADDRESS}:${PLACE.httpPort + 1000}"`, `"10.64.0.1:${PLACE.httpPort}"`];
    lab.configure(lab.changed(listen, `["${ADDRESS}:${PLACE.httpPort}", ${further}]`));
    await lab.applied();
    lab.mark();
    const more =
      '  - name: absent\n    interface: absent0\n    ip: 10.64.0.1\n    network: 10.64.0.0/24\n' +
      '    ip_range_low: 10.64.0.100\n    ip_range_high: 10.64.0.199\n';
    lab.configure(
      lab.changed('dhcp: {', `${more}dhcp: {`).replace(listen, `[${absent}, "${ADDRESS}:${PLACE.httpPort}"]`),
    );
    await lab.applied();
    await lab.reported('interface.waiting', (line) => line.interface === 'absent0');
    assert.equal(await isOpen(ADDRESS, PLACE.httpPort + 1000), false, 'the listener that was taken out');
    assert.equal((await loadByHttp(ADDRESS, PLACE.httpPort, '/lpxelinux.0')).value.status, 200);
    assert.ok(await lab.probes.leaseWithin(5000));
  });

  test('names the keys that only a restart changes, and applies the rest', async () => {
    lab.configure(
      lab
        .changed(JSON.stringify(lab.rack.stateDir), JSON.stringify(`${lab.rack.stateDir}2`))
        .replace('boot: {', 'boot: { kernel_params: quiet,'),
    );
    assert.equal((await lab.reported('config.needs-restart')).keys, 'state_dir');
    await lab.applied();
    assert.match(await pxelinuxConfig(), /quiet/);
    assert.equal((await lab.rack.status()).name, 'lab');
  });

  test('is followed when an editor replaces the file, removes it first, or writes it in two steps', async () => {
    const next = lab.changed('boot: {', 'boot: { kernel_params: quiet,');
    writeFileSync(`${lab.rack.configFile}.swp`, next);
    renameSync(`${lab.rack.configFile}.swp`, lab.rack.configFile);
    await lab.applied();

    // As vim does it with backupcopy=no: the old one is moved away, then a new one is written.
    lab.mark();
    renameSync(lab.rack.configFile, `${lab.rack.configFile}~`);
    writeFileSync(lab.rack.configFile, lab.good);
    await lab.applied();
    assert.deepEqual(lab.events('config.refused'), []);

    lab.mark();
    writeFileSync(lab.rack.configFile, next.slice(0, 200));
    await sleep(60);
    writeFileSync(lab.rack.configFile, next);
    await lab.applied();
    assert.deepEqual(lab.events('config.refused'), []);

    lab.mark();
    unlinkSync(lab.rack.configFile);
    assert.match(String((await lab.reported('config.refused')).problems), /there is no configuration/);
    assert.ok(await lab.probes.lease(), 'the last good one stays');
    lab.mark();
    writeFileSync(lab.rack.configFile, lab.good);
    await lab.applied();
  });

  test('is read again on SIGHUP, even when nothing in its directory changed', async () => {
    process.kill(lab.rack.pid, 'SIGHUP');
    await lab.applied();
    assert.deepEqual(lab.events('dhcp.socket-open'), []);
    assert.deepEqual(lab.events('interface.serving'), []);
  });

  test('is followed through a link that is switched to another directory', async () => {
    // As a mounted configuration is replaced: file → current/file, current → version.
    const place = (version: string, text: string): void => {
      mkdirSync(join(lab.rack.directory, version), { recursive: true });
      writeFileSync(join(lab.rack.directory, version, 'rackboot.yaml'), text);
      symlinkSync(version, join(lab.rack.directory, 'current.next'));
      renameSync(join(lab.rack.directory, 'current.next'), join(lab.rack.directory, 'current'));
    };
    place('one', lab.good);
    symlinkSync(join('current', 'rackboot.yaml'), `${lab.rack.configFile}.next`);
    renameSync(`${lab.rack.configFile}.next`, lab.rack.configFile);
    await lab.applied();
    await sleep(500);
    lab.mark();
    place('two', lab.changed('boot: {', 'boot: { kernel_params: quiet,'));
    await lab.applied();
    const text = Buffer.from((await loadByTftp(ADDRESS, PLACE.tftpPort, 'pxelinux.cfg/default')).value);
    assert.match(text.toString('latin1'), /quiet/);
    await sleep(500);
    lab.mark();
    writeFileSync(join(lab.rack.directory, 'two', 'rackboot.yaml'), lab.good);
    await lab.applied();
    rmSync(lab.rack.configFile);
    lab.configure(lab.good);
  });

  test('brings a network on another interface into service', { skip: NO_CABLE }, async () => {
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
    lab.configure(lab.changed('dhcp: {', `${more}dhcp: {`));
    await lab.applied();
    await lab.reported('interface.serving', (line) => line.interface === 'more0');
    const further = await DhcpProbes.open(PLACE, 'more1');
    try {
      assert.match(addressOf((await further.leaseWithin(10_000)) ?? assert.fail('no lease')), /^10\.63\.0\.1\d\d$/);
      assert.match(await lab.leasedAddress(), new RegExp(`^${PLACE.octets}`), 'the first network is served as before');
      assert.equal((await download).length, KERNEL_BYTES);
      await lab.goBack();
      assert.equal((await lab.rack.status()).interfaces.length, 1);
      assert.equal(await further.leaseWithin(1500), undefined, 'a network that is gone is not served');
    } finally {
      await further.close();
      ip('link del more0');
    }
  });
});
