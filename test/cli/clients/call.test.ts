// The request that the words of a command line make, in the form of the maas command line.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildRegionRequest, encodeMultipart } from '../../../src/cli/clients/call.ts';
import { type Action, formatNoun, formatUsage, listNouns, mergeNouns } from '../../../src/cli/clients/description.ts';
import { parseBody } from '../../../src/region/api/call/form-body.ts';

const action = (method: Action['method'], op: string | null, path: string): Action => ({
  name: 'act',
  method,
  op,
  path,
  doc: 'Do it.\n\n:param ip: An address.',
  pathParameters: [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name),
});
const UPDATE = action('PUT', null, '/MAAS/api/1.0/nodegroups/{uuid}/interfaces/{name}/');

const fieldsOf = (body: { readonly type: string; readonly bytes: Uint8Array } | undefined) => {
  const parsed = parseBody(body?.type ?? '', Buffer.from(body?.bytes ?? []));
  assert.ok(parsed.kind === 'fields');
  return Object.fromEntries(parsed.fields);
};

test('the words of the path come first; parameters of PUT and POST go into the body, op into the query', () => {
  const { method, path, query, body } = buildRegionRequest(UPDATE, [
    'b4ec',
    'eth0',
    'ip=10.0.0.1',
    'management=2',
    'a=b=c',
  ]);
  assert.deepEqual([method, path, `${query}`], ['PUT', '/MAAS/api/1.0/nodegroups/b4ec/interfaces/eth0/', '']);
  assert.deepEqual(fieldsOf(body), { ip: ['10.0.0.1'], management: ['2'], a: ['b=c'] });
  const start = buildRegionRequest(action('POST', 'start', '/x/{id}/'), ['a/b?c', 'tags=x', 'tags=y']);
  assert.deepEqual([start.path, `${start.query}`], ['/x/a%2Fb%3Fc/', 'op=start']);
  assert.deepEqual(fieldsOf(start.body), { tags: ['x', 'y'] });
});

test('parameters of GET and DELETE go into the query', () => {
  const { query, body } = buildRegionRequest(action('GET', 'list', '/nodes/'), [
    'mac_address=52:54:00:00:00:01',
    'q=a b&c',
  ]);
  assert.deepEqual([`${query}`, body], ['op=list&mac_address=52%3A54%3A00%3A00%3A00%3A01&q=a+b%26c', undefined]);
});

test('a word after an empty parameter is its value, as the shell makes it of labels= "*"', () => {
  const { body } = buildRegionRequest(action('POST', null, '/s/{id}/'), ['1', 'labels=', '*', 'os=ubuntu', 'x=']);
  assert.deepEqual(fieldsOf(body), { labels: ['*'], os: ['ubuntu'], x: [''] });
});

test('key@=file sends the content of a file', () => {
  const read = (path: string): Buffer => Buffer.from(path === 'keys' ? [0, 255, 1] : 'text');
  const { body } = buildRegionRequest(action('POST', null, '/s/'), ['keyring@=keys', 'script@=run'], read);
  assert.deepEqual(fieldsOf(body), { keyring: [Buffer.from([0, 255, 1]).toString('base64')], script: ['text'] });
});

test('missing words of the path and words that are not parameters are named', () => {
  for (const [words, said] of [
    [[], /^UUID and NAME are missing/],
    [['b4ec'], /^NAME is missing/],
    [['b4ec', 'ip=10.0.0.1'], /^NAME is missing/],
    [['b4ec', 'eth0', 'ip'], /"ip" is not a parameter/],
    [['b4ec', 'eth0', '=x'], /"=x" is not a parameter/],
  ] as const)
    assert.throws(() => buildRegionRequest(UPDATE, words), { code: 'bad-argument', message: said }, words.join(' '));
});

test('a body of parts is read back as it was written, whatever the bytes', () => {
  const value = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ minLength: 200, maxLength: 400 }));
  fc.assert(
    fc.property(
      fc.array(fc.record({ name: fc.stringMatching(/^[a-z_]{1,20}$/), value }), { maxLength: 8 }),
      (parts) => {
        const type = 'multipart/form-data; boundary=0123456789abcdef';
        // A name such as `constructor` is one of every object's own.
        const wanted = new Map<string, string[]>();
        for (const { name, value: text } of parts) wanted.set(name, [...(wanted.get(name) ?? []), text]);
        if (parts.length > 0)
          assert.deepEqual(
            fieldsOf({ type, bytes: encodeMultipart(parts, '0123456789abcdef') }),
            Object.fromEntries(wanted),
          );
      },
    ),
  );
});

test('handlers are called as the maas command line calls them', () => {
  for (const [handler, noun] of [
    ['NodeGroupInterfaceHandler', 'node-group-interface'],
    ['NodeGroupsHandler', 'node-groups'],
    ['SSHKeysHandler', 'sshkeys'],
    ['DNSResourceRecordsHandler', 'dnsresource-records'],
    ['IPRangesHandler', 'ipranges'],
    ['BootSourceSelectionsHandler', 'boot-source-selections'],
    ['MaasHandler', 'maas'],
    ['Machines', 'machines'],
  ] as const)
    assert.equal(formatNoun(handler), noun);
});

test('an operation of one version hides that of the same name in the other, and no other one', () => {
  const handler = (name: string, path: string, names: readonly string[]) => ({
    name,
    anon: null,
    auth: {
      name,
      doc: '',
      params: [],
      path,
      actions: names.map((one) => ({ name: one, method: 'GET' as const, op: one, doc: 'Read.' })),
    },
  });
  const first = listNouns({ resources: [handler('NodesHandler', '/2/', ['list', 'read'])] });
  const second = listNouns({
    resources: [handler('NodesHandler', '/1/', ['read', 'accept_all']), handler('NodeHandler', '/1/n/', ['start'])],
  });
  const shown = mergeNouns(first, second).map(({ name, actions }) => [
    name,
    actions.map((one) => `${one.name} ${one.path}`),
  ]);
  assert.deepEqual(shown, [
    ['node', ['start /1/n/']],
    ['nodes', ['accept-all /1/', 'list /2/', 'read /2/']],
  ]);
  assert.equal(formatUsage(UPDATE), 'act UUID NAME [KEY=VALUE …]');
});
