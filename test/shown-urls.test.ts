// Refusals and errors about URLs show no user name and no password, even of texts that cannot be parsed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRegionAddress } from '../src/cli/clients/login.ts';
import { parseConfig } from '../src/config/load.ts';
import { withoutUser, withoutUsers } from '../src/ground/clean-text.ts';
import { checkDebianRequest } from '../src/images/build/debian-root.ts';
import { parseWebUrl } from '../src/images/download/web-client.ts';
import { writtenSource } from '../src/images/sources/written-source.ts';

const CASES: readonly (readonly [name: string, text: string, shown: string])[] = [
  ['a URL without a user', 'http://10.9.9.9:3128/x', 'http://10.9.9.9:3128/x'],
  ['a user and a password', 'http://u:Se99cret@10.9.9.9:3128/x', 'http://10.9.9.9:3128/x'],
  ['a password with a slash', 'http://u:Se99/cret@10.9.9.9/', 'http://10.9.9.9/'],
  ['a password with an @', 'http://u:Se99@cret@10.9.9.9/', 'http://10.9.9.9/'],
  ['no scheme', 'u:Se99cret@10.9.9.9:3128', '10.9.9.9:3128'],
  ['no slashes', 'http:u:Se99cret@10.9.9.9/', '10.9.9.9/'],
  ['blanks before', ' http://u:Se99cret@10.9.9.9/', ' http://10.9.9.9/'],
  ['an empty text', '', ''],
];

for (const [name, text, shown] of CASES)
  test(`of a text that should be a URL is shown: ${name}`, () => assert.equal(withoutUser(text), shown));

test('in a sentence, each URL is shown without its user', () => {
  assert.equal(
    withoutUsers('is now http://u:Se99cret@a/p; it was https://me@b:80/q?x=1@2 (ann@example.org)'),
    'is now http://a/p; it was https://b:80/q?x=1@2 (ann@example.org)',
  );
});

const messageOf = (run: () => unknown): string => {
  try {
    return JSON.stringify(run());
  } catch (error) {
    return String(error);
  }
};

const URLS = ['ftp://u:Se99cret@10.9.9.9/x/', 'http://u:Se99/cret@10.9.9.9/x/', 'u:Se99cret@10.9.9.9'];
const CONFIG = 'name: rack-1\nstate_dir: /var/lib/rackboot\n';
const SOURCE = { kind: 'installer', name: 'x', title: 'X', os: 'debian', arches: { amd64: 'amd64' }, unsigned: true };
const REFUSALS: readonly (readonly [name: string, refuse: (url: string) => unknown])[] = [
  ['a proxy', (url) => parseConfig(`${CONFIG}http_proxy: "${url}"\n`)],
  ['a mirror', (url) => parseConfig(`${CONFIG}preseeds: { debian_mirror: "${url}" }\n`)],
  ['a region', (url) => parseConfig(`${CONFIG}region: { mode: remote, url: "${url}" }\n`)],
  ['regions', (url) => parseConfig(`${CONFIG}region: { mode: remote, url: ["${url}"] }\n`)],
  ['a public URL', (url) => parseConfig(`${CONFIG}region: { public_url: "${url}" }\n`)],
  ['the mirror of a source', (url) => writtenSource.safeParse({ ...SOURCE, mirror: url, releases: {} }).error],
  [
    'the mirror of an image to build',
    (url) => checkDebianRequest({ arch: 'amd64', release: 'bookworm', packages: [], mirrors: [url] }),
  ],
  ['a download', (url) => parseWebUrl(url)],
  ['the address of a region', (url) => parseRegionAddress(url)],
];

for (const [name, refuse] of REFUSALS)
  test(`the refusal of ${name} does not repeat the password`, () => {
    for (const url of URLS) {
      const said = messageOf(() => refuse(url));
      assert.match(said, /URL|mirror|address/, url);
      assert.doesNotMatch(said, /Se99|cret/, url);
    }
  });
