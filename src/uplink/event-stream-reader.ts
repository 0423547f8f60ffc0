// Parses a stream of server-sent events from pieces of text, however it is split.
//
// Source: HTML Living Standard §9.2.6 (parsing an event stream), the part that a region uses: `id`,
// `event`, `data`, comments.

/** The most characters of a line, and of an event including the ends of its lines. A region sends fewer. */
export const LINE_CHARACTERS_MAX = 64 * 1024;

export interface StreamEvent {
  /** The id with which an interrupted stream resumes after this event, if the event has one. */
  readonly id?: string;
  readonly event: string;
  readonly data: string;
}

export class EventStreamReader {
  #incompleteLine = '';
  #id: string | undefined;
  #event = '';
  #data: string[] = [];
  /** The characters of `#data`. Line ends count too: otherwise empty lines could fill the memory. */
  #characters = 0;

  /**
   * Returns the events that this piece completes; `undefined` if a line or an event is too long,
   * and the stream must be closed.
   */
  read(piece: string): readonly StreamEvent[] | undefined {
    const text = this.#incompleteLine + piece;
    // A carriage return at the end may be the first half of a CRLF.
    const lines = text.split(/\r\n|\n|\r(?!$)/);
    this.#incompleteLine = lines.pop() ?? '';
    const events: StreamEvent[] = [];
    for (const line of lines) {
      if (line.length > LINE_CHARACTERS_MAX) return undefined;
      const event = this.#readLine(line);
      if (event !== undefined) events.push(event);
      if (this.#characters > LINE_CHARACTERS_MAX) return undefined;
    }
    return this.#incompleteLine.length > LINE_CHARACTERS_MAX ? undefined : events;
  }

  #readLine(line: string): StreamEvent | undefined {
    if (line === '') {
      const id = this.#id === undefined ? {} : { id: this.#id };
      const event =
        this.#data.length === 0 ? undefined : { ...id, event: this.#event || 'message', data: this.#data.join('\n') };
      this.#id = undefined;
      this.#event = '';
      this.#data = [];
      this.#characters = 0;
      return event;
    }
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'id') this.#id = value;
    else if (name === 'event') this.#event = value;
    else if (name === 'data') {
      this.#data.push(value);
      this.#characters += value.length + 1;
    }
    return undefined;
  }
}
