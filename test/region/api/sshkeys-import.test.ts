// SSH keys from Launchpad and GitHub, read from a server of this host in their place, directly and through a proxy.

import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import { test } from 'node:test';
import { systemClock } from '../../../src/ground/clock.ts';
import { parseKeySource } from '../../../src/region/accounts/key-sources.ts';
import { SSH_KEYS_PER_USER_MAX } from '../../../src/region/accounts/ssh-keys.ts';
import { createKeyFetcher } from '../../../src/region-host/published-keys.ts';
import { assertStatus } from '../../support/answered.ts';
import { portOf } from '../../support/listening-port.ts';
import { type AskedApi, withAskedApi } from '../asked-api.ts';

const keyOf = (last: number) => {
  const name = Buffer.from('ssh-ed25519');
  const bytes = Buffer.concat([Buffer.from([0, 0, 0, 11]), name, Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, last)]);
  return `ssh-ed25519 ${bytes.toString('base64')}`;
};

/** Runs the work with the origin of a server. */
async function withServer(answer: RequestListener, work: (origin: string) => Promise<void>) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await work(`http://127.0.0.1:${portOf(server)}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const withSite = (answer: RequestListener, work: (api: AskedApi) => Promise<void>) =>
  withServer(answer, (origin) =>
    withAskedApi(work, { fetchKeys: createKeyFetcher(systemClock, { lp: origin, gh: origin }) }),
  );

const importFrom = ({ ask }: AskedApi, keysource: string, version = '2.0') =>
  ask('POST', `${version}/account/prefs/sshkeys/?op=import`, { keysource }, 'alice');

test('the published keys of a person are added with their source; those that are there already are left', () =>
  withSite(
    (request, answer) => {
      const [mine, both] = [keyOf(1), keyOf(2)];
      if (request.url === '/~ann/+sshkeys') answer.end(`${mine} ann@x\n\n${both}\nssh-dss AAAA old\n`);
      else if (request.url === '/ann.keys') answer.end(`${both}\n${keyOf(3)}\n`);
      else answer.writeHead(404).end();
    },
    async (api) => {
      const first = await assertStatus(importFrom(api, 'lp:ann'), 200);
      const shown = first.json.map((one: { key: string; keysource: string }) => [one.key, one.keysource]);
      assert.deepEqual(shown, [
        [`${keyOf(1)} ann@x`, 'lp:ann'],
        [keyOf(2), 'lp:ann'],
      ]);
      const second = (await importFrom(api, 'gh:ann', '1.0')).json;
      assert.deepEqual(
        second.map((one: { key: string }) => one.key),
        [keyOf(3)],
      );
      const listed = (await api.ask('GET', '2.0/account/prefs/sshkeys/', undefined, 'alice')).json;
      assert.deepEqual(
        listed.map((one: { keysource: string }) => one.keysource),
        ['lp:ann', 'lp:ann', 'gh:ann'],
      );
      const other = await importFrom(api, 'gh:nobody');
      assert.deepEqual([other.status, other.json], [400, { keysource: ['gh:nobody does not exist: check the name.'] }]);
    },
  ));

test('a source of another form reaches no server, and a list without a usable key changes nothing', () =>
  withSite(
    (request, answer) => {
      assert.equal(request.url, '/empty.keys');
      answer.end('nothing\n<html>\n');
    },
    async (api) => {
      for (const wrong of [
        '',
        'ann',
        'xx:ann',
        'gh:',
        'gh:../ann',
        'gh:a/b',
        'lp:a b',
        'gh:a?b',
        `gh:${'a'.repeat(64)}`,
      ]) {
        assert.equal(parseKeySource(wrong), undefined);
        const { status, json } = await importFrom(api, wrong);
        assert.deepEqual([status, Object.keys(json)], [400, ['keysource']], wrong);
      }
      assert.match((await importFrom(api, 'gh:empty')).text, /published no key of a supported type/);
    },
  ));

test('more keys than a user may have are refused together', () =>
  withSite(
    (_request, answer) =>
      answer.end(Array.from({ length: SSH_KEYS_PER_USER_MAX + 1 }, (_, last) => keyOf(last)).join('\n')),
    async (api) => {
      const { status, json } = await importFrom(api, 'gh:many');
      assert.deepEqual([status, Object.keys(json)], [400, ['keysource']]);
      assert.deepEqual((await api.ask('GET', '2.0/account/prefs/sshkeys/', undefined, 'alice')).json, []);
    },
  ));

test('an answer without end, an error and a server that is away are refused with their reason', async () => {
  await withSite(
    (request, answer) => {
      if (request.url === '/long.keys') answer.end('x'.repeat(300_000));
      else if (request.url === '/cut.keys')
        answer.writeHead(200, { 'content-length': '100' }).write('ssh', () => answer.destroy());
      else answer.writeHead(503).end();
    },
    async (api) => {
      for (const [name, said] of [
        ['long', /sent too much, or closed the connection early/],
        ['cut', /sent too much, or closed the connection early/],
        ['down', /answered 503/],
      ] as const) {
        const { status, text } = await importFrom(api, `gh:${name}`);
        assert.equal(status, 400);
        assert.match(text, said);
      }
    },
  );
  const away = { lp: 'http://127.0.0.1:9', gh: 'http://127.0.0.1:9' };
  await withAskedApi(
    async (api) => {
      assert.match((await importFrom(api, 'lp:ann')).text, /could not be read: .*127\.0\.0\.1:9.*set http_proxy/);
    },
    { fetchKeys: createKeyFetcher(systemClock, away) },
  );
  await withAskedApi(async (api) => {
    assert.match((await importFrom(api, 'lp:ann')).text, /does not fetch published keys/);
  });
});

test('the lists are read through the proxy, and at most LOOKUPS_MAX at a time', async () => {
  const seen: string[] = [];
  await withServer(
    (request, answer) => {
      seen.push(String(request.url));
      answer.end(keyOf(1));
    },
    async (proxy) => {
      const fetch = createKeyFetcher(systemClock, { lp: 'http://lp.example', gh: 'http://gh.example' });
      assert.deepEqual(await fetch({ site: 'gh', name: 'quick' }, proxy), { kind: 'keys', lines: [keyOf(1)] });
      assert.deepEqual(seen, ['http://gh.example/quick.keys']);
      const four = Array.from({ length: 4 }, () => fetch({ site: 'gh', name: 'slow' }, 'http://127.0.0.1:9'));
      assert.deepEqual(await fetch({ site: 'gh', name: 'quick' }, proxy), { kind: 'busy' });
      assert.deepEqual(
        (await Promise.all(four)).map(({ kind }) => kind),
        Array(4).fill('fault'),
      );
      assert.equal((await fetch({ site: 'gh', name: 'quick' }, proxy)).kind, 'keys');
    },
  );
});
