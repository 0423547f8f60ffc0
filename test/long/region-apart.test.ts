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
import { eventually, RunningRack, runRackboot } from '../support/running-rack.ts';

const PLACE = labPlace(16);
const BASE = `http://127.0.0.1:${PLACE.regionPort}/MAAS`;
const MAC = '52:54:00:00:54:01';
const SERVICE = ['region', 'run'];
const SET = ['config', 'set', 'boot.kernel_params', 'quiet'];
const regionText = apartFile(PLACE);

describe('a region apart from its racks', { skip: missing('linux') }, () => {
  const region = new RunningRack(PLACE, (text) => regionText(text));
  const run = (...args: string[]) => runRackboot([...args, '--config', region.configFile]);

  before(() => region.start({ command: SERVICE }));
  after(() => region.remove());

  test('a machine that cannot be added is refused by what is wrong with it', async () => {
    assert.equal((await run('machines', 'add', '52:54:00:00:54:0b')).code, 0);
    const again = await run('machines', 'add', '52:54:00:00:54:0b');
    assert.equal(again.code, 1);
    assert.match(again.complaints.join('\n'), /a machine with the address 52:54:00:00:54:0b already exists/);
    const headless = await run('machines', 'add', '52:54:00:00:54:0c', '--power', 'power_user=maas');
    assert.match(headless.complaints.join('\n'), /name the driver with --power-type/);
    const odd = await run('machines', 'add', 'no-address');
    assert.match(odd.complaints.join('\n'), /no-address is not a hardware address: write one as /);
  });

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

  test('a setting of racks is stored, shown and removed, and is in no file of a region', async () => {
    const ofRacks = await run('config', 'set', 'dns.upstream', '192.0.2.53');
    assert.deepEqual([ofRacks.code, ofRacks.output.join('\n')], [0, 'dns.upstream: in force.'], 'only racks use it');
    assert.match((await run('config', 'show', 'dns')).output.join('\n'), /^dns\.upstream +192\.0\.2\.53 +store$/m);
    assert.equal((await run('config', 'get', 'dns.upstream')).output.join(), '192.0.2.53');
    assert.doesNotMatch((await run('config', 'export')).output.join('\n'), /upstream/, 'no file of a region has it');
    assert.equal((await run('config', 'unset', 'dns.upstream')).code, 0);
  });

  test('a key that the file writes is read-only, and a refused file is in the status', async () => {
    const text = readFileSync(region.configFile, 'utf8');
    let from = region.lines.length;
    region.configure(text.replace('store:', 'retries: 4, store:'));
    await region.reported('config.changed', { from, match: ({ key }) => key === 'region.retries' });
    const pinned = await run('config', 'set', 'region.retries', '2');
    assert.match(pinned.complaints.join(), /region\.retries is read-only: written in .*rackboot\.yaml/);
    from = region.lines.length;
    region.configure(text.replace('kind: sqlite', 'kind: postgresql, url: "postgresql://db/rackboot"'));
    await region.reported('config.needs-restart', { from });
    await eventually('the status says so', async () =>
      /^Note {4}changed .* when the service restarts: region\.store\.kind, region\.store\.url$/m.test(
        (await run('status')).output.join('\n'),
      ),
    );
    from = region.lines.length;
    region.configure(`${text}dhcp: {}\n`);
    process.kill(region.pid, 'SIGHUP');
    await region.reported('config.refused', { from });
    assert.match((await run('status')).output.join('\n'), /BAD {5}the configuration file is refused since/);
    from = region.lines.length;
    region.configure(text);
    await region.reported('config.applied', { from });
  });

  test('commands that only a rack can answer say so', async () => {
    for (const command of [['trace'], ['why', MAC], ['neighbours'], ['doctor']]) {
      const { code, complaints } = await run(...command);
      assert.notEqual(code, 0, command.join(' '));
      assert.match(complaints.join('\n'), /region without a rack: .*on the host of (?:a|that) rack/, command.join(' '));
      assert.doesNotMatch(complaints.join('\n'), /start it first/);
    }
  });

  test('the systems to deploy are those that the racks report', async () => {
    const { code, output, complaints } = await run('images', 'list');
    assert.deepEqual([code, complaints], [0, []]);
    assert.match(output.join('\n'), /^No rack has reported a disk image: .* on the host of a rack makes one\.$/);
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
    const check = await runRackboot(['region', 'check', '--config', region.configFile]);
    assert.match(check.output.join(), /is fine: the region serves 127\.0\.0\.1:\d+, on PostgreSQL\.$/);
    const { code, complaints } = await runRackboot([...SET, '--config', region.configFile]);
    assert.equal(code, 2);
    assert.match(complaints.join('\n'), /is the file of a region without a rack: .*start it first/);
    const status = await runRackboot(['status', '--config', region.configFile]);
    assert.match(status.complaints.join('\n'), / region run --config \S+. starts it/);
    assert.equal(existsSync(join(region.stateDir, 'region.db')), false);
  } finally {
    await region.remove();
  }
});

test('each fault of the file is named with its remedy, by the start and by the check', async () => {
  const region = new RunningRack(PLACE, (text) => regionText(text, ', mode: embedded'));
  const expected = /rackboot\.yaml:3: region\.mode: belongs in the file of a rack: .*; remove it/;
  try {
    for (const words of [['region'], SERVICE, ['region', 'check']]) {
      const { code, complaints } = await runRackboot([...words, '--config', region.configFile]);
      assert.equal(code, 1, words.join(' '));
      assert.match(complaints.join('\n'), expected);
    }
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
    const stored = await runRackboot([...set, '--config', rack.configFile]);
    assert.equal(stored.code, 0, stored.complaints.join('\n'));
    await rack.stop();
    copyFileSync(join(rack.stateDir, 'region.db'), join(region.stateDir, 'region.db'));
    await region.start({ command: SERVICE });
    const remote = `region: { mode: remote, url: "${BASE}" }`;
    rack.configure(readFileSync(rack.configFile, 'utf8').replace(/^region: .*$/m, remote));
    const from = rack.lines.length;
    await rack.start();
    await rack.reported('region.pending', { from });
    const accepted = await runRackboot(['racks', 'accept', 'lab', '--config', region.configFile]);
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
    const { code, output, complaints } = await runRackboot(['power', 'key', '--config', region.configFile]);
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
