// `rackboot init` where another DHCP server answers, here dnsmasq: unasked it writes nothing, and names both ways; with `--mode proxy`, or on a
// terminal by Enter, it writes a network in proxy mode. An interface that cannot be served is told with the command that helps.
// @host alone

import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { after, afterEach, before, describe, test } from 'node:test';
import { RackNetwork } from '../e2e/rack-network.ts';
import { missing } from '../support/needs.ts';
import { eventually, well } from '../support/running-rack.ts';

const skip = missing('linux', 'root', 'ip', 'dnsmasq', 'script');
const DNSMASQ = ['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--log-facility=-'];

describe('rackboot init alongside another DHCP server', { skip }, () => {
  let rack: RackNetwork;

  before(async () => {
    rack = new RackNetwork('alongside', '10.77.7.1');
    const other = rack.namespace.addHost('other', '52:54:00:77:09:01');
    await rack.run(other, 'ip', 'address', 'add', '10.77.7.2/24', 'dev', 'eth0');
    const range = ['--port=0', '--dhcp-range=10.77.7.50,10.77.7.60,2m', '--dhcp-leasefile=/dev/null'];
    const dnsmasq = rack.launch(other, ...DNSMASQ, ...range, '--dhcp-authoritative', '--no-ping');
    await eventually(`dnsmasq serves: ${dnsmasq.text()}`, () => dnsmasq.text().includes('IP range'));
  });
  after(() => rack?.remove());
  afterEach(() => {
    rmSync(rack.configFile, { force: true });
    rmSync(rack.stateDir, { recursive: true, force: true });
  });

  const init = (...words: readonly string[]) => rack.rackboot('init', '--state-dir', rack.stateDir, ...words);
  const stored = async (): Promise<string> => (await rack.rackboot('config', 'export')).out;
  const ip = (words: string) => rack.run(undefined, 'ip', ...words.split(' '));

  test('with --yes it names the server and both modes, and writes nothing', async () => {
    const { code, err } = await init('--yes', '--interface', 'br0');
    assert.equal(code, 2, err);
    assert.match(err, /another DHCP server answers on br0: 10\.77\.7\.2 \(offers 10\.77\.7\.\d+\)/);
    assert.match(err, /--mode proxy: .*--mode server.*Nothing was written/);
    assert.equal(existsSync(rack.configFile), false);
  });

  test('with --mode proxy it writes a network that gives no address, and with --mode server one that does', async () => {
    const proxy = await init('--yes', '--interface', 'br0', '--mode', 'proxy');
    assert.equal(proxy.code, 0, proxy.err);
    assert.match(await stored(), /^ {4}mode: proxy$/m);
    assert.doesNotMatch(await stored(), /range/);
    await rack.well('check');
    const both = await init('--yes', '--interface', 'br0', '--mode', 'proxy', '--force', '--low', '10.77.7.50');
    assert.equal(both.code, 2);
    assert.match(both.err, /--low: in proxy mode another DHCP server gives the addresses/);
    await well(init('--yes', '--interface', 'br0', '--mode', 'server', '--force'));
    assert.match(await stored(), /^ {4}ip_range_low: /m);
    assert.doesNotMatch(await stored(), /proxy/);
  });

  test('on a terminal Enter means proxy, and no range is asked for', async () => {
    const person = rack.type('init', '--state-dir', rack.stateDir);
    await person.answer(/Interface on the machines' network .* \[br0\]: /, '');
    await person.answer(
      /nother DHCP server answers on br0: 10\.77\.7\.2[\s\S]*Which server gives .* \[proxy\]: /,
      'both',
    );
    await person.answer(/expected server, or proxy[\s\S]*Which server gives .* \[proxy\]: $/, '');
    await person.answer(/\nUpstream .* \[-\]: /, '');
    assert.equal(await person.ended(), 0, person.text());
    assert.match(await stored(), /^ {4}mode: proxy$/m);
  });

  test('on the interface that leads to the default router it warns although nobody answered', async () => {
    await ip('link add quiet type veth peer name quiet1');
    for (const words of ['link set quiet1 up', 'link set quiet up', 'address add 10.98.0.7/24 dev quiet'])
      await ip(words);
    await ip('route add default via 10.98.0.1');
    const out = await well(init('--yes', '--interface', 'quiet'));
    assert.match(
      out,
      /^Beware {2}quiet \(10\.98\.0\.7\) leads to the default router.*No DHCP server answered.*--mode proxy/m,
    );
    await ip('link delete quiet');
  });

  test('an interface that is down or has no address is reported with its command', async () => {
    await ip('link add spare type veth peer name spare1');
    try {
      const down = await init('--yes', '--interface', 'spare');
      assert.equal(down.code, 2);
      assert.match(down.err, /^rackboot: (?:.*\n)?spare is down: sudo ip link set spare up; /m);
      for (const name of ['spare1', 'spare']) await ip(`link set ${name} up`);
      const bare = await init('--yes', '--interface', 'spare');
      assert.equal(bare.code, 2);
      assert.match(bare.err, /spare has no IPv4 address: sudo ip address add 10\.20\.0\.1\/24 dev spare/);
      assert.doesNotMatch(`${down.err}${bare.err}`, /choose from/);
    } finally {
      await ip('link delete spare');
    }
  });
});
