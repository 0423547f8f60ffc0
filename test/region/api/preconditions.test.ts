// Conditional requests: every object that can be changed has an entity tag, and a change that names an old one is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import type { Answered, AskedApi, CallerName } from '../asked-api.ts';
import { machine, sshKey, withSite } from './sent/trial.ts';

type Method = 'GET' | 'PUT' | 'DELETE' | 'POST';

const conditional =
  ({ send }: AskedApi) =>
  (method: Method, path: string, headers: Readonly<Record<string, string>>, fields = {}, by?: CallerName) => {
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    return send(path, new URLSearchParams(fields).toString(), { ...type, ...headers }, by, method);
  };

const tagOf = ({ headers }: Answered): string => String(headers.etag);

/** An object of each kind with a change that it takes: its path, and a parameter with two values. */
async function objectsOf(site: AskedApi): Promise<readonly (readonly [path: string, field: string, ...string[]])[]> {
  const { ask } = site;
  const idOf = async (path: string, fields: Readonly<Record<string, string>>): Promise<string> => {
    const answer = await ask('POST', `2.0/${path}/`, fields);
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
    return answer.json.id ?? answer.json.system_id;
  };
  const id = await machine(site, 'allocated', { owner: 'admin' });
  const nics = (await ask('GET', `2.0/nodes/${id}/interfaces/`)).json;
  const wish = { name: 'bond0', parents: `${nics[0].id},${nics[1].id}` };
  const bond = (await ask('POST', `2.0/nodes/${id}/interfaces/?op=create_bond`, wish)).json.id;
  const part = (await ask('POST', `2.0/nodes/${id}/blockdevices/sdb/partitions/`, { size: '10G' })).json;
  await ask('POST', '2.0/tags/', { name: 'gpu' });
  const fabric = await idOf('fabrics', { name: 'core' });
  const vlan = await idOf(`fabrics/${fabric}/vlans`, { vid: '7' });
  const [near, far] = [await idOf('subnets', { cidr: '10.9.0.0/24' }), await idOf('subnets', { cidr: '10.8.0.0/24' })];
  const route = { source: near, destination: far, gateway_ip: '10.9.0.1' };
  const range = { type: 'reserved', start_ip: '10.20.0.200', end_ip: '10.20.0.210' };
  const comment = ['comment', 'one', 'two'] as const;
  const described = ['description', 'one', 'two'] as const;
  return [
    [`2.0/machines/${id}/`, ...described],
    [`2.0/devices/${await idOf('devices', { mac_addresses: '52:54:00:00:00:09' })}/`, ...described],
    ['2.0/zones/hall/', ...described],
    ['1.0/zones/hall/', 'description', 'three', 'four'],
    ['2.0/zones/default/', ...described],
    ['2.0/resourcepool/0/', ...described],
    [`2.0/resourcepool/${await idOf('pools', { name: 'second' })}/`, ...described],
    ['2.0/tags/gpu/', ...comment],
    [`2.0/fabrics/${fabric}/`, ...described],
    [`2.0/vlans/${vlan}/`, ...described],
    [`2.0/fabrics/${fabric}/vlans/7/`, 'description', 'three', 'four'],
    [`2.0/subnets/${near}/`, ...described],
    [`2.0/spaces/${await idOf('spaces', { name: 'dmz' })}/`, ...described],
    [`2.0/ipranges/${await idOf('ipranges', range)}/`, ...comment],
    [`2.0/static-routes/${await idOf('static-routes', route)}/`, 'metric', '1', '2'],
    [
      `2.0/dnsresources/${await idOf('dnsresources', { fqdn: 'a.maas', ip_addresses: '10.20.0.5' })}/`,
      'address_ttl',
      '60',
      '90',
    ],
    [`2.0/nodes/${id}/interfaces/${bond}/`, 'mtu', '1400', '1300'],
    [`2.0/nodes/${id}/blockdevices/${part.device_id}/partition/${part.id}/?op=format`, 'fstype', 'ext4', 'xfs'],
  ];
}

test('of two changes that were made from one reading, the second is refused, and changes nothing', () =>
  withSite(async (site) => {
    const asks = conditional(site);
    for (const [path, field, first = '', second = ''] of await objectsOf(site)) {
      const read = path.replace(/\?.*/, '');
      const method = path.includes('?') ? 'POST' : 'PUT';
      const before = tagOf(await site.ask('GET', read));
      assert.match(before, /^"[\w-]{27}"$/, path);
      const same = await site.ask('GET', read);
      assert.equal(tagOf(same), before, `${path} has the same tag as long as nothing changes it`);
      const taken = await asks(method, path, { 'if-match': before }, { [field]: first });
      assert.equal(taken.status, 200, `${path}: ${taken.text}`);
      assert.equal(taken.headers.etag, undefined, 'another change may have followed');
      const after = await site.ask('GET', read);
      assert.notEqual(tagOf(after), before, path);
      const late = await asks(method, path, { 'if-match': before }, { [field]: second });
      assert.deepEqual([late.status, late.headers['x-rackboot-refusal']], [412, 'precondition-failed'], path);
      assert.match(late.text, /has changed since you read it/);
      assert.deepEqual((await site.ask('GET', read)).json, after.json, path);
    }
  }));

test('a deletion is refused, too; and a tag names a state, which may come back', () =>
  withSite(async (site) => {
    const asks = conditional(site);
    const before = tagOf(await site.ask('GET', '2.0/zones/hall/'));
    await site.ask('PUT', '2.0/zones/hall/', { description: 'x' });
    assert.equal((await asks('DELETE', '2.0/zones/hall/', { 'if-match': before })).status, 412);
    await site.ask('PUT', '2.0/zones/hall/', { description: '' });
    assert.equal((await asks('DELETE', '2.0/zones/hall/', { 'if-match': `"other", ${before}` })).status, 204);
    assert.equal((await asks('DELETE', '2.0/zones/hall/', { 'if-match': before })).status, 404);
  }));

test('of two changes at the same time that name one tag, one is refused', () =>
  withSite(async (site) => {
    const asks = conditional(site);
    const { id } = (await site.ask('POST', '2.0/spaces/', { name: 'dmz' })).json;
    for (const path of ['2.0/zones/hall/', `2.0/spaces/${id}/`]) {
      const tag = tagOf(await site.ask('GET', path));
      const put = (description: string) => asks('PUT', path, { 'if-match': tag }, { description });
      const statuses = (await Promise.all([put('one'), put('two'), put('three')])).map(({ status }) => status);
      assert.deepEqual(statuses.toSorted(), [200, 412, 412], path);
    }
  }));

test('conditions of other forms: *, weak tags, objects without a tag, and a caller who may not make the change', () =>
  withSite(async (site) => {
    const asks = conditional(site);
    const put = (tag: string) => asks('PUT', '2.0/zones/hall/', { 'if-match': tag }, { description: 'x' });
    assert.equal((await put('*')).status, 200);
    const tag = tagOf(await site.ask('GET', '2.0/zones/hall/'));
    for (const wrong of [`W/${tag}`, 'hall', '']) assert.equal((await put(wrong)).status, 412, wrong);
    for (const [method, path] of [
      ['POST', '2.0/zones/'],
      ['POST', '2.0/users/alice/?op=change_password'],
    ] as const) {
      const answer = await asks(method, path, { 'if-match': tag }, { name: 'x', password: 'long enough' });
      assert.equal(answer.status, 412, path);
      assert.match(answer.text, /has no entity tag/);
    }
    const foreign = await asks('PUT', '2.0/zones/hall/', { 'if-match': '"x"' }, { description: 'y' }, 'alice');
    assert.equal(foreign.status, 403);
  }));

test('a PUT that must not find an object, or not in this state, is refused and changes nothing', () =>
  withSite(async (site) => {
    const asks = conditional(site);
    for (const [path] of (await objectsOf(site)).filter(([one]) => !one.includes('?'))) {
      const before = await site.ask('GET', path);
      for (const condition of ['*', tagOf(before), `W/${tagOf(before)}`]) {
        const answer = await asks(
          'PUT',
          path,
          { 'if-none-match': condition },
          { description: 'zero', comment: 'zero' },
        );
        assert.deepEqual([answer.status, answer.headers['x-rackboot-refusal']], [412, 'precondition-failed'], path);
      }
      assert.deepEqual((await site.ask('GET', path)).json, before.json, path);
    }
    const put = (headers: Readonly<Record<string, string>>, path = '2.0/zones/hall/') =>
      asks('PUT', path, headers, { description: 'one' });
    assert.equal((await put({ 'if-none-match': '*' }, '2.0/zones/absent/')).status, 404);
    assert.equal((await put({ 'if-match': '"x"', 'if-none-match': '"x"' })).status, 412);
    assert.equal((await put({ 'if-none-match': '"x"' })).status, 200);
  }));

test('a removal or an operation that must not find an object in this state is refused', () =>
  withSite(async (site) => {
    const asks = conditional(site);
    await site.ask('POST', '2.0/tags/', { name: 'seen' });
    const id = await machine(site, 'ready');
    for (const [method, path, read] of [
      ['DELETE', '2.0/zones/hall/', '2.0/zones/hall/'],
      ['DELETE', '2.0/tags/seen/', '2.0/tags/seen/'],
      ['POST', `2.0/machines/${id}/?op=mark_broken`, `2.0/machines/${id}/`],
    ] as const) {
      const before = await site.ask('GET', read);
      for (const condition of ['*', tagOf(before)]) {
        const answer = await asks(method, path, { 'if-none-match': condition });
        assert.equal(answer.status, 412, `${method} ${path} ${answer.text}`);
      }
      assert.deepEqual((await site.ask('GET', read)).json, before.json, path);
      assert.ok((await asks(method, path, { 'if-none-match': '"other"' })).status < 300, path);
    }
    assert.equal((await asks('POST', '2.0/zones/', { 'if-none-match': '*' }, { name: 'new' })).status, 200);
  }));

test('a client that has the object already gets 304', () =>
  withSite(async (site) => {
    const asks = conditional(site);
    const tag = tagOf(await site.ask('GET', '2.0/zones/hall/'));
    const again = await asks('GET', '2.0/zones/hall/', { 'if-none-match': `W/${tag}` });
    assert.deepEqual([again.status, again.text, tagOf(again)], [304, '', tag]);
    assert.equal((await asks('GET', '2.0/zones/hall/', { 'if-none-match': '"other"' })).status, 200);
  }));

test('every change of one object has an operation of its path that reads it', () => {
  const changes = OPERATIONS.filter(({ method, op }) => method === 'PUT' || (method === 'DELETE' && op === undefined));
  const unread = changes.filter(
    (change) =>
      !OPERATIONS.some(
        ({ path, method, op, versions }) =>
          path === change.path &&
          method === 'GET' &&
          op === undefined &&
          versions.includes(change.versions[0] ?? '2.0'),
      ),
  );
  assert.deepEqual(
    unread.map(({ path }) => path),
    ['boot-resources/{id}/upload/{file}'],
  );
});

test('a tag with another definition is compared and assigned in one transaction', () =>
  withSite(async (site) => {
    const asks = conditional(site);
    const id = await machine(site);
    await site.ask('POST', '2.0/tags/', { name: 'gpu' });
    const tag = tagOf(await site.ask('GET', '2.0/tags/gpu/'));
    const put = (definition: string) => asks('PUT', '2.0/tags/gpu/', { 'if-match': tag }, { definition });
    const statuses = await Promise.all([put('//node'), put('//nothing')]);
    assert.deepEqual(statuses.map(({ status }) => status).toSorted(), [200, 412]);
    const { tag_names: names } = (await site.ask('GET', `2.0/machines/${id}/`)).json;
    assert.deepEqual(names, statuses[0]?.status === 200 ? ['gpu'] : []);
  }));

test('machines get a tag, with the tag as it was read or not at all, and a second time without effect', () =>
  withSite(async (site) => {
    const asks = conditional(site);
    const id = await machine(site);
    await site.ask('POST', '2.0/tags/', { name: 'gpu' });
    const namesOf = async () => (await site.ask('GET', `2.0/machines/${id}/`)).json.tag_names;
    for (const version of ['2.0', '1.0']) {
      const path = `${version}/tags/gpu/`;
      const old = tagOf(await site.ask('GET', path));
      await site.ask('PUT', path, { comment: `changed by ${version}` });
      const update = (tag: string, fields: object) =>
        asks('POST', `${path}?op=update_nodes`, { 'if-match': tag }, fields);
      const late = await update(old, { add: id });
      assert.deepEqual([late.status, await namesOf()], [412, []], version);
      const now = tagOf(await site.ask('GET', path));
      assert.deepEqual((await update(now, { add: id })).json, { added: 1, removed: 0 });
      assert.deepEqual((await update(now, { add: id })).json, { added: 0, removed: 0 }, 'the tag itself is the same');
      assert.deepEqual(await namesOf(), ['gpu']);
      assert.deepEqual((await update(now, { remove: id })).json, { added: 0, removed: 1 });
    }
  }));

test('a rebuild takes no condition, and stops when the definition changes meanwhile', () =>
  withSite(async (site) => {
    const asks = conditional(site);
    const id = await machine(site);
    await site.ask('POST', '2.0/tags/', { name: 'gpu', definition: '//node' });
    const namesOf = async () => (await site.ask('GET', `2.0/machines/${id}/`)).json.tag_names;
    const remove = () => site.ask('POST', '2.0/tags/gpu/?op=update_nodes', { remove: id });
    await remove();
    const tag = tagOf(await site.ask('GET', '2.0/tags/gpu/'));
    const refused = await asks('POST', '2.0/tags/gpu/?op=rebuild', { 'if-match': tag });
    assert.deepEqual([refused.status, await namesOf()], [412, []]);
    const { life } = site.place.store;
    const listTags = life.listTags.bind(life);
    let reads = 0;
    Object.assign(life, {
      // The second reading, just before the assignment, comes after another process changed the definition.
      listTags: async () => {
        reads += 1;
        const found = await listTags();
        return reads === 1 ? found : found.map((one) => ({ ...one, definition: '//nothing' }));
      },
    });
    assert.equal((await site.ask('POST', '2.0/tags/gpu/?op=rebuild')).status, 200);
    Object.assign(life, { listTags });
    assert.deepEqual([reads, await namesOf()], [2, []]);
    assert.equal((await site.ask('POST', '2.0/tags/gpu/?op=rebuild')).status, 200);
    assert.deepEqual(await namesOf(), ['gpu']);
  }));

test('a condition on a change of many objects is refused, and the change is not made', () =>
  withSite(async (site) => {
    const asks = conditional(site);
    const id = await machine(site, 'allocated', { owner: 'admin' });
    const before = await site.ask('GET', `2.0/machines/${id}/`);
    const many = OPERATIONS.filter(({ method, path }) => method !== 'GET' && !path.includes('{'));
    assert.ok(many.some(({ op }) => op === 'set_zone') && many.some(({ op }) => op === 'release'));
    const taken: string[] = [];
    for (const { versions, method, path, op } of many)
      for (const version of versions) {
        const url = `${version}/${path}/${op === undefined ? '' : `?op=${op}`}`;
        const fields = { zone: 'hall', nodes: id, machines: id, system_id: id };
        const answer = await asks(method, url, { 'if-match': '*' }, fields);
        if (answer.status !== 412) taken.push(`${method} ${url}: ${answer.status}`);
      }
    assert.deepEqual(taken, []);
    assert.deepEqual((await site.ask('GET', `2.0/machines/${id}/`)).json, before.json);
  }));

test('changes with conditions and readers at the same time wait for each other, and for nobody forever', () =>
  withSite(async (site) => {
    const asks = conditional(site);
    const { id } = (await site.ask('POST', '2.0/fabrics/', { name: 'core' })).json;
    const path = `2.0/fabrics/${id}/`;
    const reads = () => ['2.0/subnets/', '2.0/domains/', path].map((one) => site.ask('GET', one));
    const puts = ['a', 'b', 'c'].map((class_type) => asks('PUT', path, { 'if-match': '*' }, { class_type }));
    const answers = await Promise.all([...reads(), ...puts, ...reads()]);
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    const gone = await Promise.all(['*', '*'].map((tag) => asks('DELETE', path, { 'if-match': tag })));
    assert.deepEqual(gone.map(({ status }) => status).toSorted(), [204, 404]);
  }));

test('a tag is for the whole object, whatever part of it the client reads', () =>
  withSite(async (site) => {
    const asks = conditional(site);
    const source = { url: 'https://mirror.example.org/', keyring_data: 'a key' };
    const { id } = (await site.ask('POST', '2.0/boot-sources/', source)).json;
    await site.ask('POST', '2.0/scripts/', { name: 'fan', script: '#!/bin/sh\ntrue\n' });
    for (const [path, part, fields] of [
      [`2.0/boot-sources/${id}/`, 'details=true', { index: 'streams/v1/other.sjson' }],
      ['2.0/scripts/fan/', 'include_script=true', { script: '#!/bin/sh\nfalse\n' }],
    ] as const) {
      const tag = tagOf(await site.ask('GET', path));
      assert.equal(tagOf(await site.ask('GET', `${path}?${part}`)), tag, path);
      const put = () => asks('PUT', path, { 'if-match': tag }, fields);
      assert.deepEqual([(await put()).status, (await put()).status], [200, 412], path);
    }
  }));

test('the key of another user is compared before it is removed', () =>
  withSite(async (site) => {
    const asks = conditional(site);
    const path = '2.0/account/prefs/sshkeys/';
    const { id } = (await site.ask('POST', path, { key: sshKey(1), username: 'alice' })).json;
    const one = `${path}${id}/?username=alice`;
    assert.equal((await asks('DELETE', one, { 'if-match': '"other"' })).status, 412);
    assert.equal((await asks('DELETE', one, { 'if-match': tagOf(await site.ask('GET', one)) })).status, 204);
  }));

test('a secret is in the tags of administrators alone', () =>
  withSite(async (site) => {
    const id = await machine(site);
    const path = `2.0/machines/${id}/`;
    const tags = async () => [tagOf(await site.ask('GET', path)), tagOf(await site.ask('GET', path, undefined, 'bob'))];
    await site.ask('PUT', path, { power_type: 'webhook', power_parameters_power_token: 'one' });
    const [admin, bob] = await tags();
    await site.ask('PUT', path, { power_parameters_power_token: 'two' });
    const [adminLater, bobLater] = await tags();
    assert.notEqual(adminLater, admin);
    assert.equal(bobLater, bob);
  }));

/** Changes that are refused for a reason of the objects, not of their tag. */
async function refusedChanges({ ask }: AskedApi): Promise<readonly (readonly [Method, path: string, object])[]> {
  const made = async (path: string, fields: Readonly<Record<string, string>>) => {
    const answer = await ask('POST', `2.0/${path}/`, fields);
    assert.equal(answer.status, 200, answer.text);
    return answer.json.id;
  };
  const taken = await made('dnsresources', { fqdn: 'a.maas', ip_addresses: '10.20.0.5' });
  await made('dnsresources', { fqdn: 'b.maas', ip_addresses: '10.20.0.6' });
  const fabric = await made('fabrics', { name: 'core' });
  await made('fabrics', { name: 'edge' });
  const vlan = await made(`fabrics/${fabric}/vlans`, { vid: '7' });
  await made('subnets', { cidr: '10.9.0.0/24', vlan });
  await made('tags', { name: 'gpu' });
  await made('tags', { name: 'large' });
  const lab = '1.0/nodegroups/master/interfaces/lab/';
  const second = { name: 'far', interface: 'eth9', ip: '10.30.0.1', subnet_mask: '255.255.255.0', management: '0' };
  assert.equal((await ask('POST', '1.0/nodegroups/master/interfaces/?op=new', second)).status, 200);
  return [
    ['DELETE', '2.0/domains/0/', {}],
    ['PUT', `2.0/dnsresources/${taken}/`, { name: 'b' }],
    ['PUT', `2.0/dnsresources/${taken}/`, { name: 'x', domain: 'nowhere' }],
    ['PUT', `2.0/fabrics/${fabric}/`, { name: 'edge' }],
    ['DELETE', '2.0/subnets/maas-lab/', {}],
    ['PUT', '2.0/subnets/maas-lab/', { gateway_ip: '10.21.0.1' }],
    ['PUT', lab, { name: 'far' }],
    ['PUT', lab, { ip_range_low: '10.20.0.199', ip_range_high: '10.20.0.100' }],
    ['PUT', '1.0/networks/maas-lab/', { default_gateway: '10.21.0.1' }],
    ['PUT', '2.0/tags/gpu/', { name: 'large' }],
    ['PUT', '2.0/tags/gpu/', { definition: '//[' }],
    ['DELETE', '2.0/zones/default/', {}],
    ['PUT', '2.0/zones/default/', { name: 'x', description: 'x' }],
    ['PUT', '2.0/zones/hall/', { name: 'default' }],
    ['DELETE', '2.0/users/admin/', {}],
    ['DELETE', '2.0/nodegroups/11111111-2222-3333-4444-555555555555/', {}],
    ['DELETE', '2.0/rackcontrollers/11111111-2222-3333-4444-555555555555/', {}],
  ];
}

test('a change with the right tag is refused as without one, and leaves the object as it is', () =>
  withSite(async (site) => {
    const asks = conditional(site);
    for (const [method, path, fields] of await refusedChanges(site)) {
      const plain = await asks(method, path, {}, fields);
      assert.ok(plain.status >= 400 && plain.status < 500, `${method} ${path}: ${plain.status} ${plain.text}`);
      const before = await site.ask('GET', path);
      for (const tag of [tagOf(before), '*']) {
        const answer = await asks(method, path, { 'if-match': tag }, fields);
        assert.deepEqual([answer.status, answer.text], [plain.status, plain.text], `${method} ${path}`);
      }
      assert.equal(tagOf(await site.ask('GET', path)), tagOf(before), path);
    }
  }));
