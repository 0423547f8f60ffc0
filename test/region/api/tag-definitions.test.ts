// Tags with a definition: which machines get them, and when.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mac } from '../../../src/ground/address.ts';
import { assertStatus } from '../../support/answered.ts';
import { type AskedApi, withAskedApi } from '../asked-api.ts';
import { enlist, facts, type RegionPlace, report } from '../place.ts';

const hardware = (mebibytes: number) => facts({}, { cpu: { count: 4, model: 'Xeon' }, memory_mib: mebibytes });

async function commissioned({ region, store }: RegionPlace, last: number, mebibytes: number) {
  const { systemId } = await enlist(region, report([0x525400000000 + last], { facts: hardware(mebibytes) }));
  await store.changeMachine(systemId, 1, () => ({ kind: 'change', fields: { status: 'ready' }, events: [] }));
  return systemId;
}

const tagged = async ({ ask }: AskedApi, tag: string, op = 'machines'): Promise<readonly string[]> =>
  (await ask('GET', `2.0/tags/${tag}/?op=${op}`)).json.map((one: { system_id: string }) => one.system_id);

test('a machine that a request adds to a tag and removes from it does not have the tag afterwards', () =>
  withAskedApi(async (api) => {
    const one = await commissioned(api.place, 1, 2048);
    const other = await commissioned(api.place, 2, 2048);
    await api.ask('POST', '2.0/tags/', { name: 'fast' });
    for (let turn = 0; turn < 2; turn += 1) {
      await api.ask('POST', '2.0/tags/fast/?op=update_nodes', { add: `${one},${other}`, remove: one });
      assert.deepEqual(await tagged(api, 'fast'), [other]);
    }
  }));

const LARGE = '//node[@id="memory"]/size[@units="bytes"] > 4294967296';

test('a tag is assigned by its definition when it is created, changed and rebuilt; people may assign it in between', () =>
  withAskedApi(async (api) => {
    const { ask, place } = api;
    const small = await commissioned(place, 1, 2048);
    const large = await commissioned(place, 2, 8192);
    const made = await assertStatus(
      ask('POST', '2.0/tags/', { name: 'large', definition: LARGE, comment: 'much memory' }),
      200,
    );
    assert.equal(made.json.definition, LARGE);
    assert.deepEqual([await tagged(api, 'large'), await tagged(api, 'large', 'nodes')], [[large], [large]]);
    const other = '//node[@id="memory"]/size < 4294967296';
    assert.equal((await ask('PUT', '1.0/tags/large/', { definition: other })).json.definition, other);
    assert.deepEqual(await tagged(api, 'large'), [small]);
    await ask('POST', '2.0/tags/large/?op=update_nodes', { add: large, remove: small });
    assert.deepEqual(await tagged(api, 'large'), [large]);
    const rebuilt = await ask('POST', '2.0/tags/large/?op=rebuild');
    assert.deepEqual([rebuilt.status, rebuilt.json], [200, { rebuilding: 'large' }]);
    assert.deepEqual(await tagged(api, 'large'), [small]);
    await ask('PUT', '2.0/tags/large/', { comment: 'x' });
    assert.deepEqual(await tagged(api, 'large'), [small], 'the definition stays');
    assert.equal((await ask('PUT', '2.0/tags/large/', { definition: '' })).json.definition, '');
    assert.deepEqual(await tagged(api, 'large'), [small], 'and so do its machines without one');
    await assertStatus(ask('POST', '2.0/tags/large/?op=rebuild', undefined, 'alice'), 403);
    await assertStatus(ask('POST', '2.0/tags/absent/?op=rebuild'), 404);
  }));

test('a comment is kept as it is, or refused if it is not one line of text', () =>
  withAskedApi(async ({ ask, send }) => {
    const kept = 'two  blanks, Träume';
    assert.equal((await ask('POST', '2.0/tags/', { name: 'gpu', comment: ` ${kept}\n` })).json.comment, kept);
    for (const comment of ['two\nlines', 'a\tb', 'a\u007fb', 'a\u202eb']) {
      const refused = await ask('PUT', '2.0/tags/gpu/', { comment });
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['comment']], comment);
    }
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const refused = await send('2.0/tags/gpu/', 'comment=a%ff%feb', form, 'admin', 'PUT');
    assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['comment']], 'bytes that are not UTF-8');
    assert.equal((await ask('GET', '2.0/tags/gpu/')).json.comment, kept);
  }));

test('the devices with a tag are listed apart from the machines; controllers have no tags', () =>
  withAskedApi(async (api) => {
    const { ask } = api;
    await ask('POST', '2.0/tags/', { name: 'printer' });
    const { system_id: id } = (await ask('POST', '2.0/devices/', { mac_addresses: '52:54:00:00:00:09' })).json;
    await ask('POST', '2.0/tags/printer/?op=update_nodes', { add: id });
    assert.deepEqual(await tagged(api, 'printer', 'devices'), [id]);
    for (const op of ['machines', 'rack_controllers', 'region_controllers'])
      assert.deepEqual(await tagged(api, 'printer', op), [], op);
    await assertStatus(ask('GET', '2.0/tags/absent/?op=rack_controllers'), 404);
  }));

test('a machine that reports its hardware again gets and loses the tag; a New machine never has it', () =>
  withAskedApi(async (api) => {
    const { ask, place } = api;
    const id = await commissioned(place, 1, 2048);
    await enlist(place.region, report([0x525400000009], { facts: hardware(8192) }));
    await ask('POST', '2.0/tags/', { name: 'large', definition: LARGE });
    assert.deepEqual(await tagged(api, 'large'), []);
    const reports = async (mebibytes: number) => {
      await place.store.changeMachine(id, 1, () => ({
        kind: 'change',
        fields: { status: 'commissioning', bootToken: 't'.repeat(32) },
        events: [],
      }));
      await enlist(
        place.region,
        report([0x525400000001], {
          facts: hardware(mebibytes),
          token: 't'.repeat(32),
          vouchedMac: mac(0x525400000001),
        }),
      );
    };
    await reports(8192);
    assert.deepEqual(await tagged(api, 'large'), [id]);
    await reports(1024);
    assert.deepEqual(await tagged(api, 'large'), []);
  }));

test('a definition that Rackboot cannot evaluate is refused with its place, and changes nothing', () =>
  withAskedApi(async ({ ask }) => {
    for (const definition of ['//node[', '//a | //b', 'last()', `"${'x'.repeat(3000)}"`]) {
      const { status, json } = await ask('POST', '2.0/tags/', { name: 'odd', definition });
      assert.deepEqual([status, Object.keys(json)], [400, ['definition']], definition);
      assert.match(json.definition[0], /^At character \d+, .*no other part of XPath\.$/);
    }
    assert.deepEqual((await ask('GET', '2.0/tags/')).json, []);
  }));
