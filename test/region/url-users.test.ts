// A URL with a user name or a password is refused at every way into the store, and one that an earlier version stored is shown to nobody.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withAskedApi } from './asked-api.ts';

const SECRET = 'http://me:Se99cret@10.9.9.9/x';
const SHOWN = 'http://10.9.9.9/x';
const KEYS = [
  ['preseeds.debian_mirror', undefined],
  ['preseeds.ubuntu_mirror', 'main_archive'],
  ['preseeds.ubuntu_ports_mirror', 'ports_archive'],
  ['region.public_url', undefined],
] as const;

test('a URL with a password is refused by set_config and by settings/, without showing the password', () =>
  withAskedApi(async ({ ask, place }) => {
    for (const [key, name] of KEYS) {
      const refused = [await ask('POST', '2.0/settings/?op=set', { key, value: JSON.stringify(SECRET) })];
      if (name !== undefined) refused.push(await ask('POST', '2.0/maas/?op=set_config', { name, value: SECRET }));
      for (const { status, text } of refused) {
        assert.equal(status, 400, key);
        assert.match(text, /without a user name and password/);
        assert.doesNotMatch(text, /Se99cret/);
      }
    }
    assert.deepEqual(place.region.settings.list(), []);
  }));

test('a URL that an earlier version stored is used and shown without the password, and other settings can be changed', () =>
  withAskedApi(async ({ ask, place: { region, store } }) => {
    const changes = KEYS.map(([key]) => ({ rack: '', key, value: SECRET }));
    await store.changeSettings(1, () => ({ kind: 'change', changes, events: [] }));
    await region.settings.load();
    assert.equal((await ask('GET', '2.0/maas/?op=get_config&name=main_archive', undefined, 'alice')).json, SHOWN);
    const listed = await ask('GET', '2.0/settings/');
    assert.doesNotMatch(listed.text, /Se99cret/);
    assert.equal(listed.text.split(SHOWN).length - 1, KEYS.length);
    assert.doesNotMatch(JSON.stringify(region.settings.of(undefined)), /Se99cret/);
    assert.equal((await ask('POST', '2.0/maas/?op=set_config', { name: 'kernel_opts', value: 'quiet' })).status, 200);
    assert.doesNotMatch((await ask('GET', '2.0/settings/')).text, /Se99cret/);
  }));

test('events that an earlier version stored show no password', () =>
  withAskedApi(async ({ ask, place: { store } }) => {
    const params = { key: 'preseeds.ubuntu_mirror', before: SECRET, after: 'http://u:Zwei77@10.9.9.8/p' };
    const said = { text: `preseeds.ubuntu_mirror is now ${SECRET}; it was http://u:Zwei77@10.9.9.8/p` };
    for (const happening of [
      { code: 'config.changed', params },
      { code: 'rack', params: said },
    ] as const)
      await store.recordEvent({ type: 'NODE_RACK_EVENT', ...happening, atMs: 1, username: '' }, undefined);
    const { text } = await ask('GET', '2.0/events/?op=query&level=DEBUG', undefined, 'alice');
    assert.equal(text.split(`preseeds.ubuntu_mirror is now http`).length - 1, 2);
    assert.doesNotMatch(text, /Se99cret|Zwei77/);
  }));
