// The description of the API has every operation; the golden files have its whole text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { withRegion } from '../place.ts';

interface Entry {
  readonly 'x-operations': readonly { readonly op?: string; readonly parameters: readonly string[] }[];
}

for (const version of ['1.0', '2.0'] as const) {
  test(`${version}: the description has every operation with every parameter, and a schema for every reference`, () =>
    withRegion(async ({ region }) => {
      const app = buildApp(makeContext(region));
      const answer = await app.inject({ url: `/MAAS/api/${version}/openapi.json`, remoteAddress: '192.0.2.7' });
      await app.close();
      assert.deepEqual([answer.statusCode, answer.headers['content-type']], [200, 'application/json']);
      const { paths, components } = JSON.parse(answer.body);
      const described = Object.entries<Record<string, Entry>>(paths).flatMap(([path, { parameters: _, ...methods }]) =>
        Object.entries(methods).flatMap(([method, entry]) =>
          entry['x-operations'].map(
            ({ op, parameters }) => `${method.toUpperCase()} ${path} ${op ?? ''} ${parameters.join()}`,
          ),
        ),
      );
      const wanted = OPERATIONS.filter(({ versions }) => versions.includes(version)).map(
        ({ method, path, op, parameters }) => `${method} /${path}/ ${op ?? ''} ${Object.keys(parameters).join()}`,
      );
      assert.deepEqual(described.toSorted(), wanted.toSorted());
      for (const [, name] of answer.body.matchAll(/#\/components\/schemas\/(\w+)/g))
        assert.ok((name ?? '') in components.schemas);
    }));
}
