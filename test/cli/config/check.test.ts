// The output of `rackboot check` about this host.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkFile } from '../../../src/cli/config/check.ts';
import { EMPTY_DESIRED_STATE } from '../../../src/machines/machine.ts';
import { writeDesiredState } from '../../../src/uplink/desired-state-cache.ts';
import { portOf } from '../../support/listening-port.ts';
import { printedBy } from '../../support/printed.ts';

test('a network that waits for its interface is valid, with a warning', async () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-check-'));
  mkdirSync(join(place, 'boot'));
  const file = join(place, 'rackboot.yaml');
  writeFileSync(
    file,
    `name: rack\nstate_dir: ${place}\ncluster_interfaces:\n  - { name: lab, interface: absent0, ip: 203.0.113.1, network: 203.0.113.0/24, management: 0 }\n`,
  );
  try {
    let code: number | undefined;
    const { text } = await printedBy(async () => {
      code = await checkFile(file, false);
    });
    assert.equal(code, 0, text);
    assert.match(
      text,
      /is fine: lab 203\.0\.113\.0\/24\.\nBeware {2}lab 203\.0\.113\.0\/24 is not served as long as absent0 does not exist$/m,
    );
  } finally {
    rmSync(place, { recursive: true });
  }
});

test("the site's file of image sources is named if it was read", async () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-check-'));
  const file = join(place, 'rackboot.yaml');
  mkdirSync(join(place, 'boot'));
  writeFileSync(file, `name: rack\nstate_dir: ${place}\n`);
  writeFileSync(join(place, 'image-sources.yaml'), 'selections: []\n');
  try {
    const { text } = await printedBy(() => checkFile(file, false));
    assert.match(text, /\/rackboot\.yaml is fine: .*\n\S+\/image-sources\.yaml is fine, too\.$/m);
  } finally {
    rmSync(place, { recursive: true });
  }
});

test("an interrupted copy into the rack's own region is a problem, in the words of the start", async () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-check-'));
  mkdirSync(join(place, 'boot'));
  const file = join(place, 'rackboot.yaml');
  writeFileSync(join(place, 'region.db.unfinished'), '');
  const check = async (region: string) => {
    writeFileSync(file, `name: rack\nstate_dir: ${place}\nregion: { ${region} }\n`);
    return await printedBy(() => checkFile(file, false));
  };
  try {
    const { complaint, result } = await check('mode: embedded');
    assert.equal(result, 1);
    assert.match(
      complaint,
      /:2: state_dir: a copy into \S+region\.db was not finished: repeat the command \(`(?:rackboot|(?:sudo )?node bin\/rackboot\.js) region copy`/,
    );
    const remote = await check('mode: remote, url: "http://192.0.2.1:5240/MAAS"');
    assert.equal(remote.result, 0, remote.complaint);
  } finally {
    rmSync(place, { recursive: true });
  }
});

test('an empty file is a problem, and the next command is named', async () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-check-'));
  const file = join(place, 'rackboot.yaml');
  try {
    for (const text of ['', '\n', '# later\n', '---\n', '{}\n']) {
      writeFileSync(file, text);
      const { complaint, result } = await printedBy(() => checkFile(file, false));
      assert.equal(result, 1, JSON.stringify(text));
      assert.match(complaint, /rackboot\.yaml: it is empty: .*`sudo .*\binit\b.* --force\b/);
    }
  } finally {
    rmSync(place, { recursive: true });
  }
});

test("without the rack's copy of its own region's store, the networks there are unknown, not absent", async () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-check-'));
  mkdirSync(join(place, 'boot'));
  const file = join(place, 'rackboot.yaml');
  const check = async (region: string) => {
    writeFileSync(file, `name: rack\nstate_dir: ${place}\nregion: { ${region} }\n`);
    return (await printedBy(() => checkFile(file, false))).text;
  };
  const none = /\/rackboot\.yaml is fine: it serves no network\.$/m;
  try {
    assert.match(await check('mode: embedded'), none, 'before the first start');
    writeFileSync(join(place, 'region.db'), '');
    const text = await check('mode: embedded');
    assert.match(text, /\/rackboot\.yaml alone is fine: it names no network; the store may add to it\.$/m);
    assert.match(text, /^Note {4}the region's store was not checked: .*\/desired-state\.json, at its next start$/m);
    assert.match(await check('mode: remote, url: "http://192.0.2.1:5240/MAAS"'), none);
    writeDesiredState(place, EMPTY_DESIRED_STATE, 'embedded', ({ reason }) => assert.fail(reason));
    assert.match(await check('mode: embedded'), none);
  } finally {
    rmSync(place, { recursive: true });
  }
});

test('a listener of the region at an address of another host, or at a port in use, is reported with key and remedy', async () => {
  const place = mkdtempSync(join(tmpdir(), 'rackboot-check-'));
  mkdirSync(join(place, 'boot'));
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const port = portOf(taken);
  const file = join(place, 'rackboot.yaml');
  writeFileSync(
    file,
    `name: rack\nstate_dir: ${place}\nregion: { listen: ["203.0.113.9:5240", "127.0.0.1:${port}"] }\n`,
  );
  try {
    let code: number | undefined;
    const { text } = await printedBy(async () => {
      code = await checkFile(file, false);
    });
    assert.equal(code, 0, text);
    assert.match(
      text,
      /^Beware {2}203\.0\.113\.9:5240, which region\.listen names, is not an address of this host: give 203\.0\.113\.9 to an interface, or change region\.listen$/m,
    );
    assert.match(
      text,
      new RegExp(
        `^Beware {2}127\\.0\\.0\\.1:${port} \\(TCP\\), which region\\.listen needs, belongs to .*: stop it, or change region\\.listen$`,
        'm',
      ),
    );
  } finally {
    taken.close();
    rmSync(place, { recursive: true });
  }
});
