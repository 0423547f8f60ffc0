// The life of a machine by clicking: a real daemon on loopback, a real Chromium, a webhook as power controller, and a simulated machine that
// does the work the region assigns.
// @host waits

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/ground/clock.ts';
import { blobPath, encodeImage, manifestPath, type StoredImage } from '../../src/images/store/image-store.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import type { SwitchableMachine } from '../../src/lab/simulated-life.ts';
import { createAdmin } from '../../src/region/accounts/accounts.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { missing } from '../support/needs.ts';
import { makeSwitchedRack } from '../support/switched-rack.ts';
import type { WebhookPower } from '../support/webhook-power.ts';
import { type BrowserPage, openBrowser } from './chromium.ts';
import { Person } from './person.ts';

const PLACE = labPlace(71);
const PASSWORD = 'correct horse battery';
const TOKEN = 'a-token-of-the-socket';
const KEY = `ssh-ed25519 ${Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from('ssh-ed25519'),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32, 7),
]).toString('base64')} ann@laptop`;

/** Puts an image into the store; a simulated machine never fetches its bytes. */
function putImage(tree: string) {
  const bytes = Buffer.alloc(4096, 1);
  const image: StoredImage = {
    os: 'debian',
    release: 'trixie',
    architecture: 'amd64',
    subarchitecture: 'generic',
    label: 'release',
    serial: '20261101',
    title: 'Debian 13 for a test',
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
    format: 'raw',
    diskBytes: bytes.length,
    partitionTable: 'gpt',
  };
  for (const [path, content] of [
    [join(tree, blobPath(image.sha256, image.format)), bytes],
    [manifestPath(tree, image), encodeImage(image)],
  ] as const) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
}

test('a machine is accepted, commissioned, deployed and released by clicking', {
  skip: missing('linux', 'chromium'),
}, async () => {
  const { rack, power, life, close } = await makeSwitchedRack(PLACE, 971);
  let browser: BrowserPage | undefined;
  try {
    putImage(rack.tree);
    await makeAccount(rack.stateDir);
    await rack.startWhole();
    browser = await openBrowser();
    await liveByClicking(new Person(browser, `http://127.0.0.1:${PLACE.regionPort}`), browser, life, power);
  } finally {
    await browser?.close();
    await close();
  }
});

async function makeAccount(stateDir: string) {
  const store = openRegionStore({ stateDir });
  await createAdmin(store, systemClock, { username: 'ann', email: '', password: PASSWORD });
  await store.close();
}

async function liveByClicking(ann: Person, browser: BrowserPage, life: SwitchableMachine, power: WebhookPower) {
  void life.on();
  await browser.resize(1280, 800);
  await ann.open('/MAAS/');
  await ann.sees('Sign in');
  await ann.fill('username', 'ann');
  await ann.fill('password', PASSWORD);
  await ann.click('Sign in');
  await ann.sees('Sign out');
  await ann.sees('New');

  await ann.open('/MAAS/account/');
  await ann.fill('key', 'no key');
  await ann.click('Add key');
  await ann.sees('Invalid SSH public key');
  await ann.fill('key', KEY);
  await ann.click('Add key');
  await ann.sees('ann@laptop');
  await ann.sees('SHA256:');
  await ann.fits('account');
  await ann.fill('purpose', 'juju');
  await ann.fill('key-password', 'not this one');
  await ann.click('Make an API key');
  await ann.sees('The password is wrong.');
  await ann.fill('key-password', PASSWORD);
  await ann.click('Make an API key');
  await ann.sees('Copy this key now: it is shown only once.');
  await ann.fits('account-key');

  await ann.click('Machines');
  await ann.sees('by hand');
  await browser.evaluate("document.querySelector('td a').click()");
  await ann.click('Driver');
  await ann.click('Webhook');
  for (const [name, value] of Object.entries({ ...power.powerParameters('m1'), power_token: TOKEN }))
    await ann.fill(name, value);
  await ann.click('Save');
  await ann.sees('is now switched by Webhook');
  await ann.click('Driver');
  await ann.sees('Leave empty to keep it');
  assert.ok(!(await ann.source()).includes(TOKEN), 'a secret is not sent back');
  await ann.fits('driver');
  await ann.click('Save');

  await ann.click('Accept');
  await ann.sees('Its power driver boots it from the network');
  await ann.fill('comment', 'it is ours');
  await ann.click('Accept');
  await ann.isIn('Ready');
  await ann.sees('Accept: it is ours (ann)');
  await ann.fits('ready');

  await ann.click('Deploy');
  await ann.sees('Debian 13 for a test');
  await ann.fill('user_data', '#!/bin/sh\ntrue\n');
  await ann.fits('deploy');
  await ann.click('Deploy');
  await ann.isIn('Deployed');
  await ann.sees(`${PLACE.octets}.10`);
  await ann.sees('not possible: this machine is simulated');
  await ann.fits('deployed');
  await ann.click('Boot');
  await ann.sees('went well');
  await ann.sees('because it was Deploying');
  await ann.fits('boot');
  await browser.evaluate("document.querySelector('#tabs a').click()");
  await ann.isIn('Deployed');

  await ann.click('Release');
  await ann.sees('are freed at once');
  await ann.fill('erase', 'quick');
  await ann.click('Release');
  await ann.isIn('Ready');
  assert.doesNotMatch(await ann.source(), /<dt>Address<\/dt>/, 'its address is freed');

  await ann.click('Sign out');
  await ann.sees('Sign in');
  assert.ok(!(await ann.source()).includes(TOKEN));
  assert.deepEqual(
    browser.complaints.filter((text) => !text.includes('status of 4')),
    [],
  );
}
