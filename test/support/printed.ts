// Captures the standard output of a command in this process, and its complaints.

/** Runs `action` and captures its output. @returns its result, the text, and what went to standard error */
export async function printedBy<T>(
  action: () => Promise<T>,
): Promise<{ readonly result: T; readonly text: string; readonly complaint: string }> {
  const output = capture(process.stdout);
  const errors = capture(process.stderr);
  try {
    return { result: await action(), text: output.written.join(''), complaint: errors.written.join('') };
  } finally {
    output.end();
    errors.end();
  }
}

function capture(stream: NodeJS.WriteStream): { readonly written: readonly string[]; end(): void } {
  const written: string[] = [];
  const write = stream.write.bind(stream);
  // The test reports use the same stream, as bytes.
  stream.write = (text: unknown) => {
    if (typeof text === 'string') written.push(text);
    else if (text instanceof Uint8Array) write(text);
    return true;
  };
  return {
    written,
    end: () => {
      stream.write = write;
    },
  };
}
