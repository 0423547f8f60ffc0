// A region in a process of its own: what its commands refuse and print besides, what its file may not say, the data of a rack's region with
// which it continues, and the key for hypervisors. Real processes and sockets on loopback, by any user.
// @host alone

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { apartFile } from '../support/apart-file.ts';
import { missing } from '../support/needs.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

const PLACE = labPlace(16);
const BASE = `http://127.0.0.1:${PLACE.regionPort}/MAAS`;
const SERVICE = ['region', 'run'];
const SET = ['config', 'set', 'boot.kernel_params', 'quiet'];
const regionText = apartFile(PLACE);

describe('a region apart from its racks', { skip: missing('linux') }, () => {
  const region = new RunningRack(PLACE, (text) => regionText(text));
  const run = (...args: string[]) => region.rackboot(...args);

  before(() => region.start({ command: SERVICE }));
  after(() => region.remove());

  test('a region has no key of a rack among its values, and a backup says more with --verbose and --json', async () => {
    const shown = await run('config', 'show', 'region');
    assert.match(shown.output.join('\n'), /^region\.retries +1 +default$/m);
    const whole = (await run('config', 'show')).output.join('\n');
    assert.doesNotMatch(whole, /^(?:dhcp|tftp|cluster_interfaces)\./m, 'it has no key of a rack');
    const long = await run('region', 'backup', join(region.stateDir, 'two.backup'), '--verbose');
    assert.match(long.complaints.join('\n'), /^event +\d+ rows?$/m);
    const { file, bytes } = JSON.parse(
      (await run('region', 'backup', join(region.stateDir, 'three.backup'), '--json')).output.join(''),
    );
    assert.deepEqual(
      [file, bytes],
      [join(region.stateDir, 'three.backup'), statSync(join(region.stateDir, 'three.backup')).size],
    );
  });

  test('the systems to deploy are those that the racks report', async () => {
    assert.match(await region.well('images', 'list'), /has a disk image/);
    const listed: unknown = JSON.parse((await run('images', 'list', '--json')).output.join('\n'));
    assert.deepEqual(listed, { images: [], problems: [], notes: [] });
    const bare = await run('machines', 'deploy', 'calm-ibis');
    assert.match(bare.complaints.join('\n'), /<system> is missing; `.* images list --config \S+` shows the systems/);
  });
});

test('a region whose file names PostgreSQL gets no region.db, and no command about its settings while it is stopped', async () => {
  const store = ', store: { kind: postgresql, url: "postgresql://127.0.0.1:9/rackboot" }';
  const region = new RunningRack(PLACE, (text) => regionText(text).replace(', store: { kind: sqlite }', store));
  try {
    const check = await region.rackboot('region', 'check');
    assert.match(check.output.join(), /is fine: the region serves 127\.0\.0\.1:\d+, on PostgreSQL\./);
    const { code, complaints } = await region.rackboot(...SET);
    assert.equal(code, 2);
    assert.match(complaints.join('\n'), /is the file of a region without a rack: .*start it first/);
    const status = await region.rackboot('status');
    assert.match(status.complaints.join('\n'), / region run --config \S+. starts it/);
    assert.equal(existsSync(join(region.stateDir, 'region.db')), false);
  } finally {
    await region.remove();
  }
});

test("it continues with the data of a rack's region, and that rack registers like any other and gets its network", {
  skip: missing('linux'),
}, async () => {
  const region = new RunningRack(PLACE, (text) => regionText(text));
  // Its network is in the store.
  const network = /^ {4}interface: lo\n[\s\S]*?(?=^\w)/m;
  let fields = '';
  const rack = new RunningRack(PLACE, (text) => {
    fields = network.exec(text)?.[0] ?? assert.fail(text);
    return text.replace(/^cluster_interfaces:\n[\s\S]*?(?=^\w)/m, '');
  });
  try {
    await rack.startWhole();
    const set = ['config', 'set', 'cluster_interfaces.lab', `{ ${fields.trim().replaceAll(/\n +/g, ', ')} }`];
    await rack.well(...set);
    await rack.stop();
    copyFileSync(join(rack.stateDir, 'region.db'), join(region.stateDir, 'region.db'));
    await region.start({ command: SERVICE });
    const remote = `region: { mode: remote, url: "${BASE}" }`;
    rack.configure(readFileSync(rack.configFile, 'utf8').replace(/^region: .*$/m, remote));
    const from = rack.lines.length;
    await rack.start();
    await rack.reported('region.pending', { from });
    const accepted = await region.rackboot('racks', 'accept', 'lab');
    assert.deepEqual([accepted.code, accepted.complaints], [0, []]);
    await eventually('its network', async () => {
      const { interfaces, region: link } = await rack.status();
      return link?.state === 'up' && interfaces.some(({ name, serving }) => name === 'lab' && serving);
    });
  } finally {
    await rack.remove();
    await region.remove();
  }
});

test('the key for hypervisors that its directory had before the first start stays, with and without the region', {
  skip: missing('linux', 'ssh'),
}, async () => {
  const region = new RunningRack(PLACE, (text) => regionText(text));
  const file = join(region.stateDir, 'ssh', 'id_ed25519');
  const key = async (): Promise<string> => {
    const { code, output, complaints } = await region.rackboot('power', 'key');
    assert.deepEqual([code, complaints], [0, []]);
    return output.join('\n');
  };
  try {
    const before = await key();
    assert.equal(existsSync(join(region.stateDir, 'region.db')), false, 'asking for it makes no store');
    await region.start({ command: SERVICE });
    await eventually('the store has it', () => {
      const database = new DatabaseSync(join(region.stateDir, 'region.db'), { readOnly: true });
      try {
        const row = database.prepare('SELECT private_key FROM region_ssh_key').get();
        return row?.private_key === readFileSync(file, 'utf8');
      } finally {
        database.close();
      }
    });
    assert.equal(await key(), before);
    await region.stop();
    rmSync(file);
    assert.equal(await key(), before);
  } finally {
    await region.remove();
  }
});
