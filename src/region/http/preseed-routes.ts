// `POST /MAAS/rackboot/1/preseeds/<system id>/`: shows an administrator the preseed that a machine
// would get. It changes nothing.
//
// 1. The same code renders it from the same records as for the machine, with a placeholder instead
//    of the machine's key.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  type Answer,
  groupIssuesByField,
  json,
  NO_KEY,
  NO_MACHINE,
  ONLY_ADMINISTRATORS,
  type Refusal,
  refuse,
  refuseField,
  refuseFields,
  refuseFor,
} from '../api/call/answer.ts';
import type { MetadataService } from '../metadata/metadata-service.ts';
import { listTemplateNames, renderPreseed, renderText } from '../preseed/preseed.ts';
import { PURPOSE_NAMES, STAND_IN } from '../preseed/request.ts';
import type { Variables } from '../preseed/value.ts';
import type { Machine } from '../records/machine.ts';
import { mistakeText } from '../records/preseed-mistake.ts';
import type { Region } from '../region.ts';
import type { Identified } from './agent-routes.ts';
import { parseRequestForm } from './request-form.ts';

const VALUES_MAX = 100;
const TEMPLATE_MAX = 256 * 1024;
/** Names whose values are lists, separated by commas. */
const LISTS: ReadonlySet<string> = new Set(['ssh_keys', 'ntp_servers']);

const fields = z.object({
  purpose: z.enum(PURPOSE_NAMES),
  osystem: z.string().max(64).optional(),
  release: z.string().max(64).optional(),
  origin: z
    .url({ protocol: /^https?$/, error: 'is not the URL of a rack' })
    .max(1024)
    .transform((url) => url.replace(/\/+$/, '')),
  template: z.string().max(TEMPLATE_MAX).optional(),
  file: z.string().max(4096).default('the template'),
});

interface PreseedListener {
  readonly region: Region;
  readonly metadata: MetadataService;
  identify(request: FastifyRequest): Promise<Identified | Answer>;
  send(reply: FastifyReply, answer: Answer): Promise<FastifyReply>;
}

export function addPreseedRoutes(app: FastifyInstance, listener: PreseedListener): void {
  app.post('/MAAS/rackboot/1/preseeds/:machine/', async (request, reply) =>
    listener.send(reply, await answerRequest(request, listener)),
  );
}

async function answerRequest(request: FastifyRequest, listener: PreseedListener): Promise<Answer> {
  const who = await listener.identify(request);
  if (who.kind !== 'identified') return who;
  const { caller } = who;
  if (caller.kind === 'anonymous') return refuse('not-authenticated', NO_KEY);
  if (caller.kind !== 'user' || !caller.isAdmin) return refuse('not-allowed', ONLY_ADMINISTRATORS);
  const { params } = request;
  const id: unknown = typeof params === 'object' && params !== null ? Reflect.get(params, 'machine') : undefined;
  const machine = typeof id === 'string' ? await listener.region.store.findMachine(id) : undefined;
  if (machine === undefined) return NO_MACHINE;
  const body = parseRequestForm(request);
  if (body.kind === 'fault') return refuseFor([body.refusal]);
  const sent = Object.fromEntries([...body.fields].map(([name, list]) => [name, list.at(-1)]));
  if (!PURPOSE_NAMES.some((name) => name === sent.purpose))
    return refuseField('purpose', `is not one of ${PURPOSE_NAMES.join(', ')}`);
  const checked = fields.safeParse(sent);
  if (!checked.success) return refuseFields(groupIssuesByField(checked.error));
  const overrides = readOverrides(body.fields.get('set') ?? []);
  return 'kind' in overrides
    ? overrides
    : await renderRequestedPreseed(listener.metadata, machine, checked.data, overrides.values);
}

async function renderRequestedPreseed(
  metadata: MetadataService,
  machine: Machine,
  input: z.output<typeof fields>,
  overrides: Variables,
) {
  const { purpose, osystem, release, origin, template, file } = input;
  const surroundings = metadata.surroundings(origin);
  const request = {
    ...(await metadata.preseeds.requestFor(machine, purpose, surroundings, STAND_IN)),
    ...(osystem === undefined ? {} : { osystem }),
    ...(release === undefined ? {} : { release }),
    overrides,
  };
  const { templates } = metadata.preseeds;
  const result =
    template === undefined
      ? renderPreseed(request, templates)
      : renderText(request, { name: file, path: file, text: template }, templates);
  const names = listTemplateNames(request);
  if (result.ok) return json({ ...result, names });
  const { ok, file: at, line, mistake } = result;
  return json({ ok, file: at, line, reason: mistakeText(mistake), names });
}

function readOverrides(texts: readonly string[]): { readonly values: Variables } | Refusal {
  if (texts.length > VALUES_MAX) return refuseField('set', `Give at most ${VALUES_MAX} values.`);
  const variables: [string, string | readonly string[]][] = [];
  for (const text of texts) {
    const [, name = '', value = ''] = /^([A-Za-z_]\w{0,63})=(.*)$/s.exec(text) ?? [];
    if (name === '') return refuseField('set', 'Give name=value.');
    variables.push([name, LISTS.has(name) ? value.split(',').filter((part) => part !== '') : value]);
  }
  return { values: Object.fromEntries(variables) };
}
