// The API of a region for tests, asked by an administrator, by two users, by a machine and by nobody.

import { createApiKey } from '../../src/region/accounts/accounts.ts';
import type { RegionConfig } from '../../src/region/config.ts';
import { buildApp, makeContext } from '../../src/region/http/server.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import type { Region, RegionOptions } from '../../src/region/region.ts';
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
  /** The name of the refusal; undefined: it is none. */
  readonly refusal: unknown;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
export type Headers = Readonly<Record<string, string>>;
/** The parameters of a request; one that is undefined is not sent. */
export type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;

export type Ask = (
  method: Method,
  /** Below `/MAAS/api/`; a whole path begins with a slash. */
  path: string,
  fields?: Fields,
  by?: CallerName | Headers,
) => Promise<Answered>;

export interface AskedApi {
  readonly ask: Ask;
  readonly place: RegionPlace;
  /** Sends a body as it is. */
  readonly send: (
    path: string,
    body: string | Buffer,
    headers: Headers,
    by?: CallerName,
    method?: Method,
    from?: string,
  ) => Promise<Answered>;
}

/** One request to the API of a region, and the comparison of its answer with the table of operations. */
export function injector(region: Region) {
  const app = buildApp(makeContext(region));
  return async (
    method: Method,
    path: string,
    headers: Headers,
    payload?: string | Buffer,
    from = '10.20.0.50',
    bodyOp?: string,
  ): Promise<Answered> => {
    const url = path.startsWith('/') ? path : `/MAAS/api/${path}`;
    const body = payload === undefined ? {} : { payload };
    const answer = await app.inject({ method, url, remoteAddress: from, headers, ...body });
    assertAsStated({ method, url, bodyOp }, answer);
    const isJson = /json/.test(String(answer.headers['content-type'])) && answer.body !== '';
    return {
      status: answer.statusCode,
      text: answer.body,
      json: isJson ? JSON.parse(answer.body) : undefined,
      bytes: answer.rawPayload,
      headers: answer.headers,
      refusal: answer.headers['x-rackboot-refusal'],
    };
  };
}

export const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** Asks a region by one of its callers, whose key is one of these, or with headers. */
export function askerOf(
  region: Region,
  keys: ReadonlyMap<CallerName, string> = new Map(),
  inject = injector(region),
): Ask {
  const headersOf = (by: CallerName | Headers): Headers => {
    if (typeof by === 'object') return by;
    const authorization = keys.get(by);
    return authorization === undefined ? {} : { authorization };
  };
  return async (method, path, fields, by = 'admin') => {
    const headers = { accept: 'application/json', ...headersOf(by) };
    if (fields === undefined) return inject(method, path, headers);
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(fields))
      for (const one of [value ?? []].flat()) search.append(name, one);
    if (method === 'GET' || method === 'DELETE')
      return inject(method, `${path}${path.includes('?') ? '&' : '?'}${search.toString()}`, headers);
    const bodyOp = search.getAll('op').at(-1);
    return inject(method, path, { ...FORM, ...headers }, search.toString(), undefined, bodyOp);
  };
}

/** Makes the accounts of the callers, unless the store has them. @returns the header of each with a key of theirs */
export async function addCallers({ store, clock }: RegionPlace): Promise<ReadonlyMap<CallerName, string>> {
  if ((await store.accounts.findUser('admin')) === undefined) {
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
  }
  const keys = new Map<CallerName, string>();
  for (const username of CALLERS) keys.set(username, authorizationOf(await createApiKey(store, clock, username)));
  return keys;
}

/**
 * Runs the work on a region of its own; the administrator asks unless another caller is named.
 * @param opened default: a region.db of its own
 */
export async function withAskedApi(
  work: (api: AskedApi) => Promise<void>,
  options: Partial<RegionOptions> = {},
  config: Partial<RegionConfig> = {},
  opened?: RegionStore,
): Promise<void> {
  const place = await makeRegion(config, 1, opened, options);
  try {
    const keys = await addCallers(place);
    const inject = injector(place.region);
    await work({
      place,
      ask: askerOf(place.region, keys, inject),
      send(path, body, headers, by = 'admin', method = 'POST', from = undefined) {
        const authorization = keys.get(by);
        const all = {
          accept: 'application/json',
          ...headers,
          ...(authorization === undefined ? {} : { authorization }),
        };
        return inject(method, path, all, method === 'GET' ? undefined : body, from);
      },
    });
  } finally {
    await place.remove();
  }
}
