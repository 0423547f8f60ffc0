// What a machine does next, before it is said in a loader's language.
//
// 1. A step is said completely or not at all: a renderer that cannot write a value refuses the whole text.
// 2. Every text ends by itself: what fails is shown on the machine's screen for EXPLAIN_SECONDS, then the machine starts anew
//    and asks again. None waits at a prompt that nobody sits at.

import type { Ipv4, MacAddress } from '../net/address.ts';
import type { BootImage, HasFile } from './images.ts';
import type { KernelParamsRefusal } from './kernel-line.ts';

/** How long a machine shows why it does not boot, in seconds. */
export const EXPLAIN_SECONDS = 60;

/** What a loader is to do. */
export type BootStep =
  /** Start a kernel. `words`: its arguments without BOOTIF. */
  | { readonly kind: 'kernel'; readonly image: BootImage; readonly words: readonly string[] }
  /** Start what is on the machine's own disk; `architecture` by MAAS's name. */
  | { readonly kind: 'local'; readonly architecture: string }
  /** Switch off. */
  | { readonly kind: 'poweroff'; readonly architecture: string }
  /** Show why nothing can be started, then start anew. */
  | { readonly kind: 'explain'; readonly lines: readonly string[] }
  /** Ask again under the name that says who the machine is, then under the default's. */
  | { readonly kind: 'chain' };

/** What a renderer may know of the place it writes for. */
export interface RenderPlace {
  /** What the step is and for whom, one line. */
  readonly title: string;
  /** The boot HTTP listener, `http://a.b.c.d:port`; undefined: there is none. */
  readonly baseUrl: string | undefined;
  /** The rack's address when GRUB can load from it by HTTP (port 80); undefined: from where it came itself. */
  readonly grubHttp: Ipv4 | undefined;
  /** The interface that boots; undefined: not known, the loader is to fill it in. */
  readonly mac: MacAddress | undefined;
  readonly hasFile: HasFile;
}

/** A configuration, or why a value cannot be written in that language. */
export type RenderedText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly refusal: KernelParamsRefusal };

/** What a quoting function throws to its renderer, which catches it; it never leaves the room. */
export class Unquotable extends Error {
  readonly refusal: KernelParamsRefusal;
  constructor(refusal: KernelParamsRefusal) {
    super(`cannot be quoted: ${refusal}`);
    this.name = 'Unquotable';
    this.refusal = refusal;
  }
}

/** Runs a renderer; a value that it cannot quote becomes a refusal. */
export function tryRender(render: () => readonly string[]): RenderedText {
  try {
    return { ok: true, text: `${render().join('\n')}\n` };
  } catch (error) {
    if (error instanceof Unquotable) return { ok: false, refusal: error.refusal };
    throw error;
  }
}

/** Text for a screen or a comment: what any loader language could act on becomes `?`, and it is cut at 200 characters. */
export function asScreenText(text: string): string {
  return text.slice(0, 200).replace(/[^A-Za-z0-9 ._:,()/+=-]/g, '?');
}
