// Forms after a refusal: each error is at its field, the input is kept except passwords, and none of it is markup.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verbatim } from '../../../../src/ground/html.ts';
import { type FieldWords, refuseFields } from '../../../../src/region/api/call/answer.ts';
import { formatFieldFaults, formatRefusal } from '../../../../src/region/page/frame/view.ts';
import { PAGES } from '../../../../src/region/page/routes.ts';
import { refusal } from '../../../../src/region/records/refusal.ts';
import type { Region } from '../../../../src/region/region.ts';
import { withRegion } from '../../place.ts';
import { ADMIN, addViewer, viewOf } from '../view.ts';

const ATTACK = `<img src=x onerror="alert(1)">'"&`;
const SECRET = 'sehr-geheim';

/** The page after this form was refused. */
async function afterForm(region: Region, path: string, form: Readonly<Record<string, string>>) {
  const page = PAGES.find((one) => one.path === path) ?? assert.fail(path);
  const given = new Map(Object.entries(form).map(([name, value]) => [name, [value]] as const));
  const view = viewOf(region, { viewer: ADMIN, form: given });
  const outcome = await page.act?.(view);
  assert.equal(outcome?.kind, 'refusal', JSON.stringify(form));
  assert.ok(outcome?.kind === 'refusal');
  return `${await page.render({ ...view, refusal: formatRefusal(outcome), faults: formatFieldFaults(outcome) })}`;
}

/** The field of this name with its label, error and hint. */
const fieldIn = (page: string, name: string) =>
  new RegExp(`<div class="field"><label for="f-${name}">.*?</div>`, 's').exec(page)?.[0] ?? assert.fail(`no ${name}`);

const PERSON: Readonly<Record<string, string>> = {
  do: 'add',
  username: 'bob',
  email: 'bob@example.net',
  is_superuser: 'true',
  new: SECRET,
  again: SECRET,
};

const MISTAKES: readonly (readonly [
  what: string,
  form: Readonly<Record<string, string>>,
  field: string,
  fault: string,
])[] = [
  ['a password that is too short', { new: 'abc', again: 'abc' }, 'new', 'A password must have at least 4 characters.'],
  ['two passwords that differ', { again: 'another one' }, 'again', 'The passwords differ.'],
  ['a user name with a space', { username: 'a b' }, 'username', 'A user name must have 1 to 150 letters'],
  ['an invalid e-mail address', { email: 'bob' }, 'email', 'An e-mail address must have the form name@host.'],
  ['a user name that is markup', { username: ATTACK }, 'username', 'A user name must have 1 to 150 letters'],
];

for (const [what, form, field, fault] of MISTAKES) {
  test(`${what} is reported at its field, and the other input is kept`, () =>
    withRegion(async ({ region }) => {
      const page = await afterForm(region, '/MAAS/people/', { ...PERSON, ...form });
      const wrong = fieldIn(page, field);
      assert.ok(wrong.includes(`<p class="fault" id="f-${field}-fault">${fault}`), wrong);
      assert.match(wrong, new RegExp(`aria-describedby="f-${field}-fault[^"]*" aria-invalid="true"`));
      assert.equal(page.match(/aria-invalid="true"/g)?.length, 1, 'no other field is marked');
      assert.match(page, /role="alert">Not done: see the marked field\.</);
      const { username = '', email = '' } = { ...PERSON, ...form };
      assert.ok(fieldIn(page, 'username').includes(`value="${verbatim(username)}"`));
      assert.ok(fieldIn(page, 'email').includes(`value="${email}"`));
      assert.match(page, /name="is_superuser" value="true" checked/);
      for (const typed of [SECRET, 'another one', '"short"']) assert.ok(!page.includes(typed), typed);
      assert.ok(!page.includes('<img'));
    }));
}

test('an invalid key stays in its field with the reason, and the password form is not marked', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const page = await afterForm(region, '/MAAS/account/', { do: 'add-key', key: `no key ${ATTACK}` });
    const field = fieldIn(page, 'key');
    assert.match(field, /id="f-key-fault">Invalid SSH public key/);
    assert.match(field, /no key &lt;img/);
    assert.doesNotMatch(fieldIn(page, 'new'), /aria-invalid/);
  }));

test('a refused setting names its key once, keeps its input, and is the only marked field', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const form = { group: 'dns', 'dns.upstream': '192.0.2.53\nnot-an-address' };
    const page = await afterForm(region, '/MAAS/settings/', form);
    const field = fieldIn(page, 'dns.upstream');
    assert.match(field, />\n192\.0\.2\.53\nnot-an-address<\/textarea>/);
    assert.match(field, /aria-invalid="true"/);
    assert.match(field, /id="f-dns.upstream-fault">dns\.upstream: /);
    assert.equal(page.match(/aria-invalid="true"/g)?.length, 1);
  }));

/** Words that say exactly this. */
const wordsOf = (texts: Readonly<Record<string, readonly string[]>>): FieldWords =>
  Object.fromEntries(
    Object.entries(texts).map(([field, list]) => [field, list.map((text) => refusal('bad-request', text))]),
  );

test('a refusal names each field once, by the key in its message if there is one', () => {
  const refused = (body: Readonly<Record<string, readonly string[]>>) => refuseFields(wordsOf(body), 'setting-invalid');
  assert.equal(formatRefusal(refused({ release: ['boot.release: is not there'] })), 'boot.release: is not there');
  assert.equal(formatRefusal(refused({ key: ['key: is not one'] })), 'key: is not one');
  assert.equal(formatRefusal(refused({ kernel_opts: ['is too long'] })), 'kernel opts: is too long');
  assert.equal(
    formatRefusal(refused({ release: ['unreleased: is not a name'] })),
    'release: unreleased: is not a name',
  );
});
