// Runs module files one after another and prints what each of them logged, as JSON. The client keeps its connection
// open, so this ends by itself.
import { format } from "node:util";

const said = {};
for (const file of process.argv.slice(2)) {
  said[file] = "";
  console.log = (...values) => (said[file] += format(...values) + "\n");
  try {
    await import(file);
  } catch (error) {
    said[file] += `FAILED ${error.stack ?? error}`;
  }
}
process.stdout.write(JSON.stringify(said), () => process.exit(0));
