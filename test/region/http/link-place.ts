// A region that racks and machines reach over HTTP, without a port.

import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import type { RegionConfig } from '../../../src/region/config.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { addAdmin } from '../accounts/administrator.ts';
import { makeRegion, type RegionPlace } from '../place.ts';
import { RACK_UUID, rackAuthorization, registrationFields } from '../racks/rack-place.ts';

/** An answer as received. */
export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** The region and its clients. */
export interface LinkPlace extends RegionPlace {
  ask(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    more?: { readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown; readonly from?: string },
  ): Promise<Answered>;
  /** As the rack with its own key. */
  rack(what: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answered>;
  register(more?: Readonly<Record<string, string>>, headers?: Readonly<Record<string, string>>): Promise<Answered>;
}

/** The credentials of the rack. */
export const RACK = { authorization: rackAuthorization() };

/** Runs `work` on a region of its own. */
export async function withLink(
  work: (place: LinkPlace) => Promise<void>,
  overrides: Partial<RegionConfig> = {},
): Promise<void> {
  const place = await makeRegion(overrides);
  const app = buildApp(makeContext(place.region));
  const ask: LinkPlace['ask'] = async (method, path, { headers = {}, body, from = '192.0.2.9' } = {}) => {
    const isForm = body instanceof URLSearchParams;
    const payload = body === undefined ? {} : { payload: isForm ? body.toString() : JSON.stringify(body) };
    const type = isForm ? 'application/x-www-form-urlencoded' : 'application/json';
    const answer = await app.inject({
      method,
      url: `/MAAS/${path}`,
      remoteAddress: from,
      headers: { ...(body === undefined ? {} : { 'content-type': type }), ...headers },
      ...payload,
    });
    return { status: answer.statusCode, text: answer.body, headers: answer.headers };
  };
  try {
    await work({
      ...place,
      ask,
      rack: (what, body, headers) =>
        ask(body === undefined ? 'GET' : 'POST', `uplink/1/racks/${RACK_UUID}/${what}`, {
          headers: { ...RACK, ...headers },
          body,
        }),
      register: (more, headers) =>
        ask('POST', 'api/2.0/nodegroups/?op=register', {
          body: new URLSearchParams(registrationFields(more)),
          headers: headers ?? {},
        }),
    });
  } finally {
    await app.close();
    await place.remove();
  }
}

/** The credentials of an administrator. */
export async function adminHeader({ store, clock }: RegionPlace): Promise<Readonly<Record<string, string>>> {
  await addAdmin(store, clock, { username: 'admin', email: '', password: 'long enough' });
  const [, token = '', secret = ''] = (await createApiKey(store, clock, 'admin')).split(':');
  const consumer = (await store.accounts.findKey(token))?.consumerKey ?? '';
  return { authorization: rackAuthorization(token, secret).replace('"rack"', `"${consumer}"`) };
}
