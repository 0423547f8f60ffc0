// The API of a region for tests, asked by an administrator, by two users, by a machine and by nobody.

import { createApiKey } from '../../src/region/accounts/accounts.ts';
import type { RegionConfig } from '../../src/region/config.ts';
import { buildApp, makeContext } from '../../src/region/http/server.ts';
import type { RegionOptions } from '../../src/region/region.ts';
import { authorizationOf } from '../support/oauth.ts';
import { addAdmin, hashOnce } from './accounts/administrator.ts';
import { assertAsStated } from './api/answer-check.ts';
import { makeRegion, type RegionPlace } from './place.ts';

export const CALLERS = ['admin', 'alice', 'bob'] as const;
export type CallerName = (typeof CALLERS)[number] | 'nobody';

export interface Answered {
  readonly status: number;
  readonly text: string;
  /** Undefined: the answer is not JSON. */
  readonly json: ReturnType<typeof JSON.parse>;
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, unknown>>;
}

export type Ask = (
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  /** Below `/MAAS/api/`. */
  path: string,
  fields?: Readonly<Record<string, string | readonly string[]>>,
  by?: CallerName,
) => Promise<Answered>;

export interface AskedApi {
  readonly ask: Ask;
  readonly place: RegionPlace;
  /** Sends a body as it is. */
  readonly send: (
    path: string,
    body: string | Buffer,
    headers: Readonly<Record<string, string>>,
    by?: CallerName,
    method?: 'GET' | 'POST' | 'PUT' | 'DELETE',
  ) => Promise<Answered>;
}

/** Runs the work on a region of its own; the administrator asks unless another caller is named. */
export async function withAskedApi(
  work: (api: AskedApi) => Promise<void>,
  options: Partial<RegionOptions> = {},
  config: Partial<RegionConfig> = {},
): Promise<void> {
  const place = await makeRegion(config, 1, undefined, options);
  const { store, clock } = place;
  const app = buildApp(makeContext(place.region));
  try {
    await addAdmin(store, clock, { username: 'admin', email: '', password: 'long enough' });
    const passwordHash = await hashOnce('long enough', clock);
    for (const username of CALLERS.slice(1))
      await store.accounts.addUser({
        username,
        email: `${username}@example.org`,
        passwordHash,
        isAdmin: false,
        createdMs: 0,
      });
    const keys = new Map<CallerName, string>();
    for (const username of CALLERS) keys.set(username, authorizationOf(await createApiKey(store, clock, username)));
    const inject = async (
      method: 'GET' | 'POST' | 'PUT' | 'DELETE',
      path: string,
      by: CallerName,
      payload: { readonly payload?: string | Buffer; readonly headers?: Readonly<Record<string, string>> },
      bodyOp?: string,
    ): Promise<Answered> => {
      const key = keys.get(by);
      const answer = await app.inject({
        method,
        url: `/MAAS/api/${path}`,
        remoteAddress: '10.20.0.50',
        ...payload,
        headers: {
          accept: 'application/json',
          ...payload.headers,
          ...(key === undefined ? {} : { authorization: key }),
        },
      });
      assertAsStated({ method, url: `/MAAS/api/${path}`, bodyOp }, answer);
      const isJson = /json/.test(String(answer.headers['content-type']));
      return {
        status: answer.statusCode,
        text: answer.body,
        json: isJson ? JSON.parse(answer.body) : undefined,
        bytes: answer.rawPayload,
        headers: answer.headers,
      };
    };
    await work({
      place,
      ask(method, path, fields, by = 'admin') {
        const search = new URLSearchParams();
        for (const [name, value] of Object.entries(fields ?? {}))
          for (const one of [value].flat()) search.append(name, one);
        if (fields === undefined) return inject(method, path, by, {});
        if (method === 'GET' || method === 'DELETE')
          return inject(method, `${path}${path.includes('?') ? '&' : '?'}${search.toString()}`, by, {});
        const headers = { 'content-type': 'application/x-www-form-urlencoded' };
        return inject(method, path, by, { payload: search.toString(), headers }, search.getAll('op').at(-1));
      },
      send: (path, body, headers, by = 'admin', method = 'POST') =>
        inject(method, path, by, { ...(method === 'GET' ? {} : { payload: body }), headers }),
    });
  } finally {
    await app.close();
    await place.remove();
  }
}
