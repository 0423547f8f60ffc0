// Kernel arguments from where a person stores them to the line that each loader is given: the configuration, tags, a machine of its own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveBootAsset } from '../../src/boot/asset.ts';
import { createApiKey } from '../../src/region/accounts/accounts.ts';
import { buildApp, makeContext } from '../../src/region/http/server.ts';
import { assetContext, PEER } from '../boot/rack.ts';
import { RACK } from '../support/lab-facts.ts';
import { authorizationOf } from '../support/oauth.ts';
import { addAdmin } from './accounts/administrator.ts';
import { type RegionPlace, report, withRegion } from './place.ts';

const MAC = 0x525400000001;
const LOADERS = ['pxelinux.cfg/default', 'grub/grub.cfg', 'ipxe.cfg'] as const;

/** The operation that an administrator calls. @returns the status of the answer */
type Ask = (method: 'POST' | 'PUT', path: string, fields: Readonly<Record<string, string>>) => Promise<number>;

const withMachine = (work: (ask: Ask, id: string, place: RegionPlace) => Promise<void>): Promise<void> =>
  withRegion(async (place) => {
    const { region, store, clock } = place;
    await addAdmin(store, clock, { username: 'admin', email: '', password: 'long enough' });
    const authorization = authorizationOf(await createApiKey(store, clock, 'admin'));
    const app = buildApp(makeContext(region));
    const ask: Ask = async (method, path, fields) => {
      const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' };
      const payload = new URLSearchParams(fields).toString();
      const answer = await app.inject({ method, url: `/MAAS/api/2.0/${path}`, headers, payload });
      return answer.statusCode;
    };
    const outcome = await region.enlist(report([MAC]));
    assert.ok(outcome.kind === 'create');
    const { systemId } = outcome.machine;
    assert.equal(await ask('POST', `machines/${systemId}/?op=commission`, {}), 200);
    await work(ask, systemId, place);
    await app.close();
  });

/** The line of a loader's file that has the arguments, from the operator's own on. */
async function lineOf(place: RegionPlace, path: string, kernelParams = ''): Promise<string> {
  const { machines } = await place.region.desiredState();
  const [lease] = machines[0]?.macs ?? [];
  assert.ok(lease !== undefined);
  const context = assetContext({ machines, lease, config: { kernelParams } });
  const asset = resolveBootAsset({ path, peer: PEER, local: RACK }, context);
  assert.ok(asset.kind === 'rendered', asset.kind);
  assert.equal(asset.purpose, 'commissioning');
  const line = asset.text.split('\n').find((one) => one.includes('rackboot_url=')) ?? asset.text;
  // The kernel does not get the loaders' fallback.
  return line.replace(/^.*rackboot_url=\S+ ?/, '').replace(/; then$| \|\| goto failed$/, '');
}

/** Parameters that no loader may get, or not every one. */
const HOSTILE: readonly string[] = [
  "a='b'",
  'a="b',
  'a"b"c',
  'a=b\\',
  'a\nLABEL other',
  'a\rb',
  'a\u0000b',
  'a=$\u007bnet0/mac}',
  'quiet || reboot',
  'quiet && reboot',
  'quiet ; reboot',
  'quiet #',
  'é',
  'x'.repeat(2000),
];

test('a value that a loader may not get is refused wherever it would be stored', () =>
  withMachine(async (ask, id, place) => {
    assert.equal(await ask('POST', 'tags/', { name: 'good', kernel_opts: 'quiet' }), 200);
    for (const value of HOSTILE) {
      const about = JSON.stringify(value.slice(0, 30));
      assert.equal(await ask('POST', 'tags/', { name: 'bad', kernel_opts: value }), 400, about);
      assert.equal(await ask('PUT', 'tags/good/', { kernel_opts: value }), 400, about);
      assert.equal(await ask('PUT', `machines/${id}/`, { kernel_params: value }), 400, about);
      assert.equal(await ask('POST', 'maas/?op=set_config', { name: 'kernel_opts', value }), 400, about);
    }
    assert.deepEqual(
      (await place.store.life.listTags()).map(({ name, kernelParams }) => [name, kernelParams]),
      [['good', 'quiet']],
    );
  }));

/** Parameters that may be stored, each as every loader gets it. */
const TAKEN: readonly (readonly [string, Readonly<Record<(typeof LOADERS)[number], string>>])[] = [
  [
    'console=ttyS4,115200n8 quiet',
    {
      'pxelinux.cfg/default': 'console=ttyS4,115200n8 quiet',
      'grub/grub.cfg': "'console=ttyS4,115200n8' 'quiet'",
      'ipxe.cfg': 'console=ttyS4,115200n8 quiet',
    },
  ],
  [
    'a=$HOME b=c;d "e=f g" h="$(reboot)" i=`j`',
    {
      'pxelinux.cfg/default': 'a=$HOME b=c;d e="f g" h=$(reboot) i=`j`',
      'grub/grub.cfg': "'a=$HOME' 'b=c;d' 'e=f g' 'h=$(reboot)' 'i=`j`'",
      'ipxe.cfg': 'a=$HOME b=c;d e="f g" h=$(reboot) i=`j`',
    },
  ],
];

test('parameters that may be stored go from a tag into the line of each loader, in its own quoting', () =>
  withMachine(async (ask, id, place) => {
    assert.equal(await ask('POST', 'tags/', { name: 'odd' }), 200);
    assert.equal(await ask('POST', 'tags/odd/?op=update_nodes', { add: id }), 200);
    for (const [value, lines] of TAKEN) {
      assert.equal(await ask('PUT', 'tags/odd/', { kernel_opts: value }), 200, value);
      for (const path of LOADERS) assert.equal(await lineOf(place, path), lines[path], path);
    }
  }));

test("a machine's own arguments replace those of its tags, the first tag that has some the others, and they the global ones", () =>
  withMachine(async (ask, id, place) => {
    const given = async (): Promise<string> => {
      const [pxelinux, grub, ipxe] = await Promise.all(
        LOADERS.map(async (path) => (await lineOf(place, path, 'global')).replaceAll("'", '')),
      );
      assert.deepEqual([grub, ipxe], [pxelinux, pxelinux]);
      return pxelinux ?? '';
    };
    assert.equal(await given(), 'global');
    for (const [name, kernel_opts] of [
      ['c', 'of-c'],
      ['b', 'of-b'],
      ['a', ''],
    ] as const) {
      assert.equal(await ask('POST', 'tags/', { name, kernel_opts }), 200);
      assert.equal(await ask('POST', `tags/${name}/?op=update_nodes`, { add: id }), 200);
    }
    assert.equal(await given(), 'of-b');
    assert.equal(await ask('PUT', `machines/${id}/`, { kernel_params: 'own' }), 200);
    assert.equal(await given(), 'own');
    assert.equal(await ask('PUT', `machines/${id}/`, { kernel_params: '' }), 200);
    assert.equal(await ask('POST', 'tags/b/?op=update_nodes', { remove: id }), 200);
    assert.equal(await given(), 'of-c');
    assert.equal(await ask('PUT', 'tags/c/', { kernel_opts: '' }), 200);
    assert.equal(await given(), 'global');
  }));
