// Notes on things that this host lacks, for the log and `rackboot status`: a code and plain
// parameters. `region/reports/notes.ts` makes sentences of them.

/** A note about the host. Sizes of buffers are in bytes; `reason` is the system's error. */
export type HostNote =
  | { readonly note: 'frames-refused' | 'interfaces-unheard'; readonly reason: string }
  | { readonly note: 'arp-unheard' | 'routers-unanswered'; readonly reason: string }
  | { readonly note: 'receive-buffer-small' | 'send-buffer-small'; readonly granted: number; readonly asked: number }
  | { readonly note: 'manager-socket-invalid'; readonly name: string }
  | { readonly note: 'manager-unreached' | 'manager-refuses'; readonly reason: string };

/** The notes of one network, each once. */
export class HostNotes {
  readonly #notes = new Map<string, HostNote>();

  add(note: HostNote): void {
    this.#notes.set(JSON.stringify(note), note);
  }

  get list(): readonly HostNote[] {
    return [...this.#notes.values()];
  }
}
