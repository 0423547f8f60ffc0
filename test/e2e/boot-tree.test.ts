// An unreadable boot tree: too large, with circular links, or not a directory. The rack still gives addresses and names, reports
// the problem with its remedy, and serves the tree as soon as it can. Real sockets on loopback, by any user.
// @host waits, 60 s
// @long more

import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TREE_ENTRIES_MAX } from '../../src/files/tree-index.ts';
import { labPlace, makeStandInTree } from '../../src/lab/safe-lab.ts';
import { makeManyFiles } from '../support/many-files.ts';
import { MEMORY_PLACE } from '../support/memory-place.ts';
import { missing } from '../support/needs.ts';
import { addressOf, DhcpProbes, loadByHttp, loadByTftp } from '../support/probes.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { eventually, RunningRack, runRackboot } from '../support/running-rack.ts';

const PLACE = labPlace(93);
const ADDRESS = `${PLACE.octets}.1`;
const CONFIG_NAME = '/pxelinux.cfg/default';
const TOO_LARGE = new RegExp(`boot\\.tree \\S+ holds more than ${TREE_ENTRIES_MAX} .*\\/many\\): move out`);

describe('a rack with an unreadable boot tree', { skip: missing('linux') }, () => {
  let place = '';
  let tree = '';
  let rack: RunningRack;
  let probes: DhcpProbes;
  let from = 0;

  before(async () => {
    place = mkdtempSync(join(MEMORY_PLACE, 'rackboot-tree-'));
    tree = join(place, 'boot');
    makeStandInTree(tree);
    makeManyFiles(join(place, 'many'), TREE_ENTRIES_MAX);
    rack = new RunningRack(PLACE);
    rack.configure(readFileSync(rack.configFile, 'utf8').replace(JSON.stringify(rack.tree), JSON.stringify(tree)));
    probes = await DhcpProbes.open(PLACE);
  });
  after(async () => {
    await probes.close();
    await rack.remove();
    rmSync(place, { recursive: true, force: true });
  });

  /** An address, a name and a loader by its exact name. */
  async function assertServed(): Promise<void> {
    const leased = await probes.leaseWithin(5000);
    assert.match(leased === undefined ? 'no address' : addressOf(leased), new RegExp(`^${PLACE.octets}\\.`));
    const resolver = new Resolver({ timeout: 1000, tries: 2 });
    resolver.setServers([`${ADDRESS}:${PLACE.dnsPort}`]);
    assert.deepEqual(await resolver.resolve4(`${PLACE.octets.replaceAll('.', '-')}-120.maas`), [`${PLACE.octets}.120`]);
  }
  const assertLoads = async (): Promise<void> =>
    assert.equal((await loadByTftp(ADDRESS, PLACE.tftpPort, 'lpxelinux.0')).value.length, 44_000);
  /** The first file of a machine that enlists. */
  const rendered = async (): Promise<string> =>
    String((await loadByHttp(ADDRESS, PLACE.httpPort, CONFIG_NAME)).value.body);
  const start = async (): Promise<void> => {
    from = rack.lines.length;
    await rack.startWhole();
  };
  const reported = (event: string) => rack.reported(event, { from, limitMs: 90_000 });
  /** The first scan of so many files may take a busy host longer than a start waits, which is a problem of its own. */
  const isTooLarge = async (): Promise<void> => {
    await reported('tree.problem');
    const reason = async () => (await rack.status()).tree?.problem?.reason ?? '';
    await eventually('it is scanned', async () => TOO_LARGE.test(await reason()), 90_000);
  };
  const rackboot = async (...words: readonly string[]): Promise<string> => {
    const { code, output, complaints } = await rack.rackboot(...words);
    return `${code}: ${[...output, ...complaints].join('\n')}`;
  };

  test('starts with a tree of too many files, and reports it everywhere', async () => {
    renameSync(join(place, 'many'), join(tree, 'many'));
    await start();
    await isTooLarge();
    await assertServed();
    await assertLoads();
    const check = await runRackboot(['check', rack.configFile]);
    assert.equal(check.code, 1);
    assert.match(check.complaints.join('\n'), TOO_LARGE);
    assert.match(await rackboot('status'), new RegExp(`^1: [^]*^BAD {5}boot tree: ${TOO_LARGE.source}`, 'm'));
    assert.match(await rackboot('doctor'), new RegExp(`^1: [^]*BAD {2}boot tree: ${TOO_LARGE.source}`, 'm'));
  });

  test('serves the tree as soon as it is small enough', async () => {
    assert.doesNotMatch(await rendered(), /commissioning\/linux/);
    renameSync(join(tree, 'many'), join(place, 'many'));
    await reported('tree.served');
    assert.match(await rendered(), /commissioning\/linux/);
    assert.equal((await rack.status()).tree?.problem, undefined);
    assert.match(await rackboot('status'), /^0: /);
    assert.doesNotMatch(await rackboot('doctor'), /BAD {2}boot tree/);
  });

  if (HAS_MANY_ROUNDS)
    test('keeps serving the known files of a tree that becomes too large', async () => {
      from = rack.lines.length;
      renameSync(join(place, 'many'), join(tree, 'many'));
      await isTooLarge();
      await assertServed();
      await assertLoads();
      assert.match(await rendered(), /commissioning\/linux/);
      assert.match(await rackboot('events', '--level', 'error'), /The boot tree is unreadable: boot\.tree/);
      assert.equal(await rack.stop(), 0);
      renameSync(join(tree, 'many'), join(place, 'many'));
    });
});
