// A 400 names every field of a wrong form, whichever form the parameters have: a form, a multipart form with Base64, JSON, or the query.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Operation } from '../../../src/region/api/call/operation.ts';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { assertStatus } from '../../support/answered.ts';
import type { Answered, AskedApi } from '../asked-api.ts';
import { machine, titlesOf, withSite } from './sent/trial.ts';
import { unfitFields } from './unfit.ts';

/** Bytes of a file, and texts that are checked together. */
const TAKEN = ['file', 'content', 'dns_servers'];

const BOUNDARY = 'b-1';
/** The body of the maas command line: every part is in Base64. */
const multipart = (fields: Readonly<Record<string, string>>) => {
  const parts = Object.entries(fields).map(([name, text]) =>
    [
      `--${BOUNDARY}`,
      `Content-Disposition: form-data; name="${name}"`,
      'MIME-Version: 1.0',
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from(text).toString('base64'),
    ].join('\r\n'),
  );
  return `${parts.join('\r\n')}\r\n--${BOUNDARY}--\r\n`;
};

/** One request in each form. */
function inEachForm(
  { send, ask }: AskedApi,
  operation: Operation,
  url: string,
  fields: Readonly<Record<string, string>>,
) {
  const { method } = operation;
  const search = new URLSearchParams(fields).toString();
  const inQuery = () => ask(method, `${url}${url.includes('?') ? '&' : '?'}${search}`);
  if (method === 'GET' || method === 'DELETE') return [inQuery];
  const inBody = (body: string, type: string) => () => send(url, body, { 'content-type': type }, 'admin', method);
  return [
    inBody(search, 'application/x-www-form-urlencoded'),
    inBody(multipart(fields), `multipart/form-data; boundary=${BOUNDARY}`),
    inBody(JSON.stringify(fields), 'application/json'),
    ...(search.length < 8000 ? [inQuery] : []),
  ];
}

test('each operation names all its wrong parameters at once, in every form of a request', () =>
  withSite(async (site) => {
    const faults: string[] = [];
    for (const operation of OPERATIONS.filter(({ op }) => op !== 'follow')) {
      const fields = unfitFields(operation);
      const names = Object.keys(fields).toSorted();
      const left = Object.keys(operation.parameters).filter((name) => !names.includes(name) && !TAKEN.includes(name));
      if (left.length > 0) faults.push(`${titlesOf(operation)[0]}: no text is unfit for ${left}`);
      if (names.length === 0) continue;
      const op = operation.op === undefined ? '' : `?op=${operation.op}`;
      const url = `${operation.versions[0]}/${operation.path.replace(/\{\w+\}/g, 'absent-1')}/${op}`;
      const bodies = new Set<string>();
      const right = Object.keys(operation.parameters).filter((name) => name === 'file');
      const sent = { ...Object.fromEntries(right.map((name) => [name, 'x'])), ...fields };
      for (const request of inEachForm(site, operation, url, sent)) {
        const answer = await request();
        bodies.add(answer.text);
        if (answer.text.includes('"Invalid input"'))
          faults.push(`${titlesOf(operation)[0]}: says neither what nor why`);
        const named = answer.status === 400 && answer.json !== undefined ? Object.keys(answer.json).toSorted() : [];
        if (named.join() !== names.join())
          faults.push(`${titlesOf(operation)[0]}: ${answer.status} names ${named} of ${names}`);
      }
      if (bodies.size > 1) faults.push(`${titlesOf(operation)[0]}: the forms of a request are answered differently`);
    }
    assert.deepEqual(faults, []);
  }));

test('a faulty record is refused by the name of its parameter', () =>
  withSite(async ({ ask }) => {
    const mx = await ask('POST', '2.0/dnsresourcerecords/', { fqdn: 'www.maas', rrtype: 'MX', rrdata: 'x' });
    assert.deepEqual([mx.status, Object.keys(mx.json)], [400, ['rrdata']]);
    assert.doesNotMatch(mx.text, /dns\.records/);
  }));

test('system ids that nobody has are refused by the name of their parameter', () =>
  withSite(async (site) => {
    const known = await machine(site, 'new');
    for (const [method, path, field, more] of [
      ['POST', '2.0/machines/?op=release', 'machines', {}],
      ['POST', '2.0/machines/?op=accept', 'machines', {}],
      ['POST', '1.0/nodes/?op=release', 'nodes', {}],
      ['POST', '1.0/nodes/?op=accept', 'nodes', {}],
      ['POST', '2.0/machines/?op=set_zone', 'nodes', { zone: 'default' }],
      ['POST', '1.0/nodes/?op=set_zone', 'nodes', { zone: 'default' }],
      ['GET', '1.0/nodes/?op=deployment_status', 'nodes', {}],
      ['GET', '1.0/networks/', 'node', {}],
    ] as const) {
      const { status, json } = await site.ask(method, path, { [field]: [known, 'zzz', 'yyy'], ...more });
      assert.deepEqual([status, json], [400, { [field]: ['No machine has the system id zzz, yyy.'] }], path);
    }
  }));

test('404, 405, 409, 410, 412 and 413 are what the documents say', () =>
  withSite(async (site) => {
    const { ask, send } = site;
    const id = await machine(site, 'new');
    const codeOf = (answer: Answered): readonly unknown[] => [answer.status, answer.headers['x-rackboot-refusal']];
    assert.deepEqual(codeOf(await ask('GET', '2.0/machines/zzzzzz/')), [404, 'not-found']);
    assert.deepEqual(codeOf(await ask('GET', '2.0/nothing/')), [404, 'not-found']);
    assert.deepEqual(codeOf(await ask('DELETE', '2.0/version/')), [405, 'method-not-allowed']);
    assert.deepEqual(codeOf(await ask('POST', '2.0/machines/?op=allocate', {})), [409, 'nothing-matches']);
    assert.deepEqual(codeOf(await ask('POST', `2.0/machines/${id}/?op=release`)), [409, 'transition-not-allowed']);
    assert.deepEqual(codeOf(await ask('GET', '3.0/machines/')), [410, 'unknown-version']);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const large = await send('2.0/zones/', `name=${'x'.repeat(3 * 1024 * 1024)}`, form);
    assert.deepEqual(codeOf(large), [413, 'body-too-large']);
    const many = await send('2.0/zones/', Array.from({ length: 5000 }, (_, index) => `a${index}=1`).join('&'), form);
    assert.deepEqual(codeOf(many), [400, 'bad-request']);
    for (const type of ['text/csv', '', ' ', 'form']) {
      const unknown = await send('2.0/zones/', 'name=x', { 'content-type': type });
      assert.deepEqual(codeOf(unknown), [415, 'unknown-body'], type);
      assert.match(unknown.text, /^send parameters as application\/x-www-form-urlencoded, /, type);
    }
    await assertStatus(send(`2.0/machines/${id}/?op=lock`, '', { 'content-type': '' }), 200);
  }));
