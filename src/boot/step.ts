// A machine's next step, independent of the loader's language.
//
// 1. A step is rendered completely or not at all: a renderer that cannot write a value refuses the whole text.
// 2. Every text ends on its own: a failure is shown for EXPLAIN_SECONDS, then the machine restarts and asks again.

import type { Ipv4, MacAddress } from '../net/address.ts';
import type { BootImage, HasFile } from './images.ts';
import type { KernelParamsRefusal } from './kernel-line.ts';

/** In seconds. */
export const EXPLAIN_SECONDS = 60;

/** A loader's task. */
export type BootStep =
  /** Start a kernel. `words`: its arguments without BOOTIF. */
  | { readonly kind: 'kernel'; readonly image: BootImage; readonly words: readonly string[] }
  /** `architecture` is its MAAS name. */
  | { readonly kind: 'local'; readonly architecture: string }
  | { readonly kind: 'poweroff'; readonly architecture: string }
  | { readonly kind: 'explain'; readonly lines: readonly string[] }
  /** Ask again by hardware address, then by the default name. */
  | { readonly kind: 'chain' };

/** A renderer's context. */
export interface RenderPlace {
  readonly title: string;
  /** The boot HTTP listener, `http://a.b.c.d:port`; `undefined` if there is none. */
  readonly baseUrl: string | undefined;
  /** The rack's address if GRUB can load by HTTP (port 80). */
  readonly grubHttp: Ipv4 | undefined;
  /** `undefined`: the loader fills it in. */
  readonly mac: MacAddress | undefined;
  readonly hasFile: HasFile;
}

/** A configuration, or why a value cannot be written in its language. */
export type RenderedText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly refusal: KernelParamsRefusal };

/** Never leaves the room. */
export class Unquotable extends Error {
  readonly refusal: KernelParamsRefusal;
  constructor(refusal: KernelParamsRefusal) {
    super(`cannot be quoted: ${refusal}`);
    this.name = 'Unquotable';
    this.refusal = refusal;
  }
}

export function tryRender(render: () => readonly string[]): RenderedText {
  try {
    return { ok: true, text: `${render().join('\n')}\n` };
  } catch (error) {
    if (error instanceof Unquotable) return { ok: false, refusal: error.refusal };
    throw error;
  }
}

/** Text for a screen or a comment: what a loader could interpret becomes `?`, and it is cut at 200 characters. */
export function asScreenText(text: string): string {
  return text.slice(0, 200).replace(/[^A-Za-z0-9 ._:,()/+=-]/g, '?');
}
