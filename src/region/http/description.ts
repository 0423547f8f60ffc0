// The description of the API from which the maas command line builds its commands, made from the
// table of operations.
//
// Source: the fields that the command line reads: resources with an anonymous and an authenticated
// handler, each with doc, name, params, path, uri and actions. An action takes data only if its doc
// has `:param` lines.
//
// 1. Each name belongs to one action. If reading and changing have the same `op`, the command is
//    the change.
// 2. `hash` changes with the description. Every answer carries it, and clients compare the two.

import { createHash } from 'node:crypto';
import type { ApiVersion, Operation } from '../api/call/operation.ts';
import { OPERATIONS } from '../api/operations.ts';

const CRUD = { POST: 'create', GET: 'read', PUT: 'update', DELETE: 'delete' } as const;

const FORMS: Readonly<Record<string, string>> = {
  nothing: 'nothing (204)',
  text: 'plain text',
  bytes: 'bytes',
  bson: 'BSON',
  stream: 'events as they come',
  refusal: 'always a refusal',
};

/** The answer of an operation, for people; `openapi.json` has the properties of the objects. */
function formatOperationAnswer({ answers }: Operation) {
  const form = typeof answers === 'string' ? FORMS[answers] : undefined;
  if (form !== undefined) return form;
  const { of, statuses } = typeof answers === 'object' && 'of' in answers ? answers : { of: answers, statuses: [] };
  const what = typeof of === 'string' ? of.replace('|', ' or ') : `a list of ${of[0].replace('|', ' or ')}`;
  return `${what}, as JSON${statuses.length === 0 ? '' : ` (${statuses.join(', ')})`}`;
}

interface HandlerDescription {
  readonly name: string;
  readonly doc: string;
  readonly params: readonly string[];
  readonly path: string;
  readonly actions: readonly Record<string, unknown>[];
}

function describeHandler(version: ApiVersion, name: string, operations: readonly Operation[]): HandlerDescription {
  const path = operations[0]?.path ?? '';
  return {
    name,
    doc: `Operations of ${name.replace(/Handler$/, '')}.`,
    params: [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? ''),
    path: `/MAAS/api/${version}/${path}/`,
    actions: operations.map((operation) => ({
      name: operation.op ?? CRUD[operation.method],
      method: operation.method,
      op: operation.op ?? null,
      restful: operation.op === undefined,
      doc: `${operation.doc}\n\nAnswer: ${formatOperationAnswer(operation)}.`,
    })),
  };
}

interface ApiDescription {
  readonly doc: string;
  readonly resources: readonly {
    readonly name: string;
    readonly anon: HandlerDescription | null;
    readonly auth: HandlerDescription;
  }[];
  readonly handlers: readonly HandlerDescription[];
}

/** True for a reading `op` whose name a change of the same path has, too. */
const isTwin = ({ method, op, path }: Operation, among: readonly Operation[]) =>
  method === 'GET' &&
  op !== undefined &&
  among.some((operation) => operation.method !== 'GET' && operation.op === op && operation.path === path);

function describeApi(version: ApiVersion): ApiDescription {
  const ofVersion = OPERATIONS.filter((operation) => operation.versions.includes(version));
  const own = ofVersion.filter((operation) => !isTwin(operation, ofVersion));
  const names = [...new Set(own.map((operation) => operation.handler))].sort();
  const resources = names.map((name) => {
    const operations = own.filter((operation) => operation.handler === name);
    const open = operations.filter((operation) => operation.access === 'anyone' || operation.access === 'managed');
    return {
      name,
      anon: open.length === 0 ? null : describeHandler(version, `Anon${name}`, open),
      auth: describeHandler(version, name, operations),
    };
  });
  const handlers = resources.flatMap((resource) =>
    resource.anon === null ? [resource.auth] : [resource.anon, resource.auth],
  );
  return { doc: `Rackboot, MAAS API ${version}.`, resources, handlers };
}

const hashJson = (value: unknown) => createHash('sha1').update(JSON.stringify(value)).digest('hex');

const descriptions = new Map<ApiVersion, ApiDescription & { readonly hash: string }>();

function buildDescription(version: ApiVersion): ApiDescription & { readonly hash: string } {
  const cached = descriptions.get(version);
  if (cached !== undefined) return cached;
  const made = describeApi(version);
  const hashed = { ...made, hash: hashJson(made) };
  descriptions.set(version, hashed);
  return hashed;
}

export const descriptionHash = (version: ApiVersion): string => buildDescription(version).hash;

export function apiDescription(version: ApiVersion, origin: string): Record<string, unknown> {
  const withUri = (handler: HandlerDescription) => ({ ...handler, uri: `${origin}${handler.path}` });
  const { doc, resources, handlers, hash } = buildDescription(version);
  return {
    doc,
    resources: resources.map(({ name, anon, auth }) => ({
      name,
      anon: anon === null ? null : withUri(anon),
      auth: withUri(auth),
    })),
    handlers: handlers.map(withUri),
    hash,
  };
}
