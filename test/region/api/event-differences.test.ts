// The audit log says what a change changed: of each field the value before and after, and nothing of a change of nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventSentence, shownTo } from '../../../src/region/records/events.ts';
import { assertStatus } from '../../support/answered.ts';
import { type AskedApi, withAskedApi } from '../asked-api.ts';
import { enlist, report } from '../place.ts';

const SECRET_PASS = 'a secret of the BMC';

/** The audit events since the last call, the oldest first. @param isAdmin false: as an ordinary user reads them */
function auditOf({ place: { store } }: AskedApi) {
  let after = 0;
  return async (isAdmin = true): Promise<readonly string[]> => {
    const events = await store.listEvents({ level: 'audit', after, limit: 100 });
    after = Math.max(after, ...events.map(({ id }) => id));
    return events
      .map(shownTo({ isAdmin }))
      .map((event) => `${event.hostname ?? ''}|${eventSentence(event)}`)
      .reverse();
  };
}

test('every change names what differs, and a change of nothing is no event', () =>
  withAskedApi(async (api) => {
    const { ask, place } = api;
    const { systemId, hostname } = await enlist(place.region, report([0x525400000001]));
    const audit = auditOf(api);
    const made: readonly (readonly [path: string, Parameters<typeof ask>[2]])[] = [
      ['2.0/tags/', { name: 'gpu' }],
      ['2.0/zones/', { name: 'dmz' }],
      ['2.0/resourcepools/', { name: 'lab' }],
      ['2.0/subnets/', { cidr: '10.99.0.0/24', name: 'far' }],
      ['2.0/boot-sources/', { url: 'https://images.example.org/', unsigned: 'true', why: 'a test' }],
      ['2.0/scripts/', { name: 'probe', script: '#!/bin/sh\n' }],
    ];
    for (const [path, fields] of made) assert.ok((await ask('POST', path, fields)).status < 300, path);
    await audit();
    const subnet = (await ask('GET', '2.0/subnets/')).json.find((one: { name: string }) => one.name === 'far').id;
    const source = (await ask('GET', '2.0/boot-sources/')).json.at(-1).id;
    const machine = `2.0/machines/${systemId}/`;
    const changes: readonly (readonly [path: string, Parameters<typeof ask>[2], readonly string[]])[] = [
      [
        machine,
        { hostname: 'rack-3', description: 'top shelf' },
        ['rack-3|changed: hostname: HOST → rack-3; description: none → top shelf'],
      ],
      [
        machine,
        { zone: 'dmz', pool: 'lab', domain: 'maas' },
        ['rack-3|changed: zone: default → dmz; pool: default → lab'],
      ],
      [
        machine,
        { power_type: 'ipmi', power_parameters_power_address: '10.0.0.5', power_parameters_power_pass: SECRET_PASS },
        ['rack-3|changed: power type: none → ipmi; power_address: none → 10.0.0.5; power_pass: none → …'],
      ],
      [machine, { power_parameters_power_pass: 'another one' }, ['rack-3|changed: power_pass']],
      [
        '1.0/nodes/?op=set_zone',
        { zone: 'default', nodes: systemId },
        ['rack-3|moved from the zone dmz to the zone default'],
      ],
      ['2.0/tags/gpu/?op=update_nodes', { add: systemId }, ['rack-3|added the tag gpu']],
      ['2.0/tags/gpu/?op=update_nodes', { remove: systemId }, ['rack-3|removed the tag gpu']],
      ['2.0/tags/gpu/', { comment: 'cards' }, ['|changed the tag gpu: comment: none → cards']],
      ['2.0/zones/dmz/', { description: 'outside' }, ['|changed the zone dmz: description: none → outside']],
      [
        '2.0/users/alice/',
        { email: 'a@example.org' },
        ['|changed the e-mail address of alice: email: alice@example.org → a@example.org'],
      ],
      ['2.0/users/alice/', { is_superuser: 'true' }, ['|made alice an administrator']],
      [
        `2.0/subnets/${subnet}/`,
        { gateway_ip: '10.99.0.1', name: 'near' },
        ['|changed the subnet 10.99.0.0/24: name: far → near; gateway: none → 10.99.0.1'],
      ],
      [
        `2.0/boot-sources/${source}/`,
        { why: 'still a test' },
        ['|changed the image source https://images.example.org/, trusted without a signature: still a test'],
      ],
      ['2.0/scripts/probe', { description: 'of disks' }, ['|changed the script probe: description: none → of disks']],
      [
        '2.0/maas/?op=set_config',
        { name: 'upstream_dns', value: '10.0.0.53 10.0.0.54' },
        ['|changed: dns.upstream: none → 10.0.0.53, 10.0.0.54'],
      ],
      [
        '2.0/maas/?op=set_config',
        { name: 'upstream_dns', value: '10.0.0.53 10.0.0.55' },
        ['|changed: dns.upstream: 10.0.0.54 → 10.0.0.55'],
      ],
    ];
    for (const [path, fields, expected] of changes) {
      const method = path.includes('?op=') ? 'POST' : 'PUT';
      for (const wanted of [expected.map((text) => text.replace('HOST', hostname)), []]) {
        const answer = await ask(method, path, fields);
        assert.ok(answer.status < 300, `${path}: ${answer.text}`);
        assert.deepEqual(await audit(), wanted, `${path} ${JSON.stringify(fields)}`);
      }
    }
    const kept = JSON.stringify(await place.store.listEvents({ level: 'audit', limit: 1000 }));
    assert.ok(!kept.includes(SECRET_PASS) && !kept.includes('another one'));
  }));

test('only administrators read the values; others read which fields differ', () =>
  withAskedApi(async (api) => {
    const { systemId } = await enlist(api.place.region, report([0x525400000001]));
    const audit = auditOf(api);
    await assertStatus(
      api.ask('PUT', `2.0/machines/${systemId}/`, { power_type: 'ipmi', power_parameters_power_address: '10.0.0.5' }),
      200,
    );
    assert.match((await audit(false)).at(-1) ?? '', /\|changed: power type; power_address$/);
  }));
