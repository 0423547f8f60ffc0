// People with an account may make so many tags, scripts and SSH keys, and no more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SSH_KEYS_PER_USER_MAX } from '../../../src/region/accounts/ssh-keys.ts';
import { TAGS_MAX } from '../../../src/region/records/tags.ts';
import { SCRIPTS_MAX } from '../../../src/region/scripts/script-text.ts';
import { adminHeader, type LinkPlace, withLink } from '../http/link-place.ts';
import './cheap-hashes.ts';
import { NO_MARKS } from '../../../src/region/records/script-store.ts';
import { assertStatus } from '../../support/answered.ts';

const EVENT = { type: 'NODE', code: 'rack', params: { text: 'made' }, atMs: 0, username: 'admin' } as const;
const SCRIPT = {
  ...NO_MARKS,
  kind: 'testing',
  title: '',
  description: '',
  timeoutSeconds: 60,
  position: 0,
  changedMs: 0,
  content: '#!/bin/sh\n',
} as const;
const keyOf = (number: number) => {
  const key = Buffer.alloc(32);
  key.writeUInt32BE(number);
  const parts = [Buffer.from('ssh-ed25519'), key].flatMap((part) => [Buffer.from([0, 0, 0, part.length]), part]);
  return `ssh-ed25519 ${Buffer.concat(parts).toString('base64')}`;
};

type Make = (place: LinkPlace, index: number) => unknown;

const KINDS: readonly (readonly [string, number, Make, string, (index: number) => Record<string, string>])[] = [
  [
    'tags',
    TAGS_MAX,
    ({ store }, index) =>
      store.life.addTag({ name: `tag-${index}`, comment: '', kernelParams: '' }, Number.MAX_SAFE_INTEGER, EVENT),
    'api/2.0/tags/',
    (index) => ({ name: `tag-${index}` }),
  ],
  [
    'scripts',
    SCRIPTS_MAX,
    ({ store }, index) =>
      store.scripts.addScript({ ...SCRIPT, name: `script-${index}` }, Number.MAX_SAFE_INTEGER, EVENT),
    'api/2.0/scripts/',
    (index) => ({ name: `script-${index}`, script: SCRIPT.content, type: 'testing' }),
  ],
  [
    'SSH keys of one user',
    SSH_KEYS_PER_USER_MAX,
    ({ store }, index) =>
      store.life.addSshKey({ username: 'admin', key: keyOf(index), createdMs: 0 }, Number.MAX_SAFE_INTEGER, EVENT),
    'api/2.0/account/prefs/sshkeys/',
    (index) => ({ key: keyOf(index) }),
  ],
];

for (const [what, max, make, path, form] of KINDS) {
  test(`there are so many ${what}, and one more is refused`, () =>
    withLink(async (place) => {
      const headers = await adminHeader(place);
      for (let index = 0; index < max - 1; index += 1) make(place, index);
      const add = (index: number) => place.ask('POST', path, { headers, body: new URLSearchParams(form(index)) });
      const last = await add(max - 1);
      assert.ok([200, 201].includes(last.status), last.text);
      const further = await assertStatus(add(max), 400);
      assert.match(further.text, new RegExp(String(max)));
    }));
}
