// Finds a region's operations by the words of a command line, in the region's own description of its API.
//
// Source: the description and the naming of the maas command line: a handler
// `NodeGroupInterfaceHandler` is `node-group-interface`, an operation `import_boot_images` is
// `import-boot-images`, and the words of a path come before the parameters, in its order.
// Consecutive capitals belong to the following word: `SSHKeysHandler` is `sshkeys`. An operation
// takes parameters if its text has `:param`.
//
// 1. Hyphens do not matter: `ssh-keys` and `sshkeys` are the same word.

import type { Description } from './description-shape.ts';

export interface Action {
  /** `import-boot-images`. */
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Null if the method alone selects it. */
  readonly op: string | null;
  /** `/MAAS/api/1.0/nodegroups/{uuid}/`. */
  readonly path: string;
  /** The names of the placeholders in the path, in order. */
  readonly pathParameters: readonly string[];
  /** The effect, then a line for each parameter. */
  readonly doc: string;
}

export interface Noun {
  /** `node-groups`. */
  readonly name: string;
  readonly actions: readonly Action[];
}

/** `NodeGroupsHandler` → `node-groups`. */
export const formatNoun = (handler: string): string =>
  (handler.replace(/Handler$/, '').match(/[A-Z]*[a-z0-9]+|[A-Z]+/g) ?? []).join('-').toLowerCase();

/** Lists the nouns of a description, sorted by name. */
export function listNouns({ resources }: Description): readonly Noun[] {
  const nouns = resources.flatMap(({ name, anon, auth }): readonly Noun[] => {
    const handler = auth ?? anon;
    if (handler === null) return [];
    const actions = handler.actions.map((action) => ({
      name: action.name.replaceAll('_', '-'),
      method: action.method,
      op: action.op,
      path: handler.path,
      pathParameters: handler.params,
      doc: action.doc ?? '',
    }));
    return [{ name: formatNoun(name), actions: actions.toSorted((a, b) => (a.name < b.name ? -1 : 1)) }];
  });
  return nouns.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const normaliseWord = (word: string): string => word.replace(/[-_]/g, '').toLowerCase();

export const findByName = <T extends { readonly name: string }>(entries: readonly T[], word: string): T | undefined =>
  entries.find(({ name }) => name === word) ?? entries.find(({ name }) => normaliseWord(name) === normaliseWord(word));

/**
 * Merges the nouns of two API versions. If both have an operation of one name, the first version's
 * is used.
 */
export function mergeNouns(first: readonly Noun[], second: readonly Noun[]): readonly Noun[] {
  const names = [...new Set([...first, ...second].map(({ name }) => name))].toSorted();
  return names.map((name) => {
    const firstActions = first.find((noun) => noun.name === name)?.actions ?? [];
    const secondActions = second.find((noun) => noun.name === name)?.actions ?? [];
    const actions = [
      ...firstActions,
      ...secondActions.filter((action) => !firstActions.some((ownAction) => ownAction.name === action.name)),
    ];
    return { name, actions: actions.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
  });
}

/** The parameters of an operation, in the order of its description. */
export const listParameters = ({ doc }: Action): readonly string[] =>
  [...doc.matchAll(/^ {0,16}[:@]param (?:\([^()\n]{1,40}\) )?"?([\w.-]+)/gm)].map(([, name = '']) => name);

/** True if the operation takes parameters of any name, which its description writes as `<key>`. */
export const takesAnyParameter = ({ doc }: Action): boolean => /^ {0,16}[:@]param <[\w-]{1,40}>/m.test(doc);

export const getSummary = ({ doc }: Action): string => doc.trim().split('\n', 1)[0] ?? '';

/** An operation's usage after its noun: `update UUID NAME [KEY=VALUE …]`. */
export function formatUsage(action: Action): string {
  const pathWords = action.pathParameters.map((parameter) => parameter.toUpperCase());
  const takesParameters = takesAnyParameter(action) || listParameters(action).length > 0;
  return [action.name, ...pathWords, ...(takesParameters ? ['[KEY=VALUE …]'] : [])].join(' ');
}
