// `rackboot preseed` with a running rack: the answers for an enlisted machine, by the operator's templates and the
// shipped ones.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { type Ended, RunningRack } from '../support/running-rack.ts';
import { bootSimulatedMachine } from '../support/simulated-boot.ts';

const PLACE = labPlace(97);

describe('rackboot preseed', { skip: missing('linux') }, () => {
  let rack: RunningRack;
  let proxy: Server | undefined;
  let connections = 0;
  let templates = '';
  let hostname = '';
  const preseed = (...args: readonly string[]): Promise<Ended> => rack.rackboot('preseed', ...args);

  /** Next to the state directory. */
  const directoryOf = (text: string): string => join(/state_dir: "(.*)\/state"/.exec(text)?.[1] ?? '', 'preseeds');

  before(async () => {
    // The customary port of package proxies, which any user of the rack's host can take.
    proxy = createServer((socket) => {
      connections += 1;
      socket.destroy();
    }).listen(8000, `${PLACE.octets}.1`);
    await once(proxy, 'listening');
    rack = new RunningRack(PLACE, (text) => `${text}preseeds: { directory: ${JSON.stringify(directoryOf(text))} }\n`);
    templates = join(rack.directory, 'preseeds');
    mkdirSync(templates);
    await rack.startWhole();
    assert.equal((await bootSimulatedMachine(PLACE, 0, () => undefined)).kind, 'enlisted');
    const [machine] = machinesShape.parse(await rack.ask('/MAAS/api/2.0/machines/'));
    hostname = machine?.hostname ?? '';
  });
  after(async () => {
    proxy?.close();
    await rack?.remove();
  });

  test('render prints the answers for its installer alone on standard output, with no key in it', async () => {
    const { code, output, complaints } = await preseed('render', hostname);
    assert.equal(code, 0, complaints.join('\n'));
    assert.ok(output.includes(`d-i netcfg/hostname string ${hostname}`));
    const address = `http://${PLACE.octets}.1:${PLACE.httpPort}/MAAS/metadata/`;
    assert.ok(output.includes(`cloud-init cloud-init/maas-metadata-url string ${address}`));
    assert.match(complaints.join(' '), /generic, .*preseed_master; CONSUMER-KEY, .* replace secrets/);
  });

  test('a program on the rack’s port 8000 is not a proxy of machines until http_proxy names it', async () => {
    const proxies = async (): Promise<readonly string[]> =>
      (await preseed('render', hostname)).output.filter((line) => line.includes('/proxy string'));
    assert.deepEqual([await proxies(), connections], [['d-i mirror/http/proxy string '], 0]);
    const url = `http://${PLACE.octets}.1:8000/`;
    await rack.well('config', 'set', 'http_proxy', url);
    assert.deepEqual([await proxies(), connections], [[`d-i mirror/http/proxy string ${url}`], 0]);
  });

  test('a template of yours is found at once, by the name of the machine', async () => {
    const name = `debian_amd64_generic_bookworm_${hostname}`;
    writeFileSync(join(templates, name), '# mine\n');
    assert.deepEqual((await preseed('render', hostname)).output, ['# mine']);
    assert.match((await preseed('list')).output.join('\n'), new RegExp(`^${name} +yours$`, 'm'));
    assert.equal((await preseed('render', hostname, '--names')).output[0], name);
    writeFileSync(join(templates, name), '# {{hostnam}}\n');
    const { code, complaints } = await preseed('render', hostname);
    assert.equal(code, 1);
    assert.match(
      complaints.join(' '),
      new RegExp(`${name}:1: hostnam is not defined here; defined are: architecture, `),
    );
  });

  if (HAS_MANY_ROUNDS)
    test('render takes another system, purpose and value', async () => {
      const ubuntu = await preseed(
        'render',
        hostname,
        '--os',
        'ubuntu',
        '--release',
        'jammy',
        '--set',
        'http_proxy=http://p:8000/',
      );
      assert.ok(ubuntu.output.includes('d-i passwd/username string ubuntu'));
      assert.ok(ubuntu.output.includes('d-i mirror/http/proxy string http://p:8000/'));
      const file = join(rack.directory, 'try');
      writeFileSync(file, '{{language yaml}}\na: {{ssh_keys|yaml}}\n');
      const tried = await preseed('render', hostname, '--file', file, '--set', 'ssh_keys=a b,c');
      assert.deepEqual(tried.output, ['a: ["a b", "c"]']);
      const autoinstall = await preseed('render', hostname, '--purpose', 'autoinstall');
      assert.equal(autoinstall.output[0], '#cloud-config');
    });

  if (HAS_MANY_ROUNDS)
    test('show prints a template, and names the remedy if it is missing', async () => {
      assert.ok((await preseed('show', 'generic')).output.includes('{{inherit "preseed_master"}}'));
      assert.equal((await preseed('show', '../../rackboot.yaml')).code, 1);
      assert.match((await preseed('render', 'nobody')).complaints.join(), /no machine is called nobody/);
      assert.equal((await preseed('render', hostname, '--purpose', 'nothing')).code, 2);
      assert.equal((await preseed('render', hostname, '--set', 'x')).code, 2);
    });
});
