// Asks /chat twice, with a history the second time, and prints both answers as JSON.
import { Client } from "@gradio/client";

const client = await Client.connect(process.argv[2]);
const [first] = (await client.predict("/chat", { message: "hey" })).data;
const history = [{ role: "user", content: "hey" }, { role: "assistant", content: first.text }];
const [second] = (await client.predict("/chat", { message: "I want to kill myself.", history })).data;
console.log(JSON.stringify({ first, second }));
process.exit(0);
