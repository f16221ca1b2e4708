// The official OpenAI Node SDK, unchanged, against the proxy: node contract.mjs BASE_URL MODEL
// Prints one JSON document with what each call gave; the Python test that runs it asserts.
import OpenAI from "openai";

const [baseURL, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 0 });
const messages = [{ role: "user", content: "What is the capital of France?" }];
const found = {};

const { data, response } = await client.chat.completions
  .create({ model, messages, max_tokens: 8, temperature: 0 })
  .withResponse();
found.plain = data.choices[0].message.content;
found.usage = data.usage.completion_tokens;
found.requestId = data._request_id;
found.fingerprint = response.headers.get("evenhand-decoding");

const stream = await client.chat.completions.create({
  model, messages, max_tokens: 8, temperature: 0, stream: true, stream_options: { include_usage: true },
});
found.streamed = "";
for await (const chunk of stream) {
  found.streamed += chunk.choices[0]?.delta?.content ?? "";
  found.streamUsage = chunk.usage?.completion_tokens ?? found.streamUsage;
}

const logprobs = await client.chat.completions.create({
  model, messages, max_tokens: 2, temperature: 0, logprobs: true, top_logprobs: 2,
});
found.logprobs = logprobs.choices[0].logprobs.content.length;

const tools = [{ type: "function", function: { name: "capital", parameters: { type: "object", properties: {} } } }];
const tooled = await client.chat.completions.create({ model, messages, tools, tool_choice: "none", max_tokens: 2 });
found.tools = tooled.choices.length;

const completion = await client.completions.create({ model, prompt: "The capital", max_tokens: 3 });
found.completion = completion.choices[0].text;

found.models = (await client.models.list()).data.map((item) => item.id);

for (const [name, body] of [["missing", { model: "no-such-model" }], ["refused", { model: "strict", top_p: -1 }]]) {
  try {
    await client.chat.completions.create({ messages, ...body });
  } catch (error) {
    found[name] = { type: error.constructor.name, status: error.status, code: error.code, param: error.param };
  }
}
console.log(JSON.stringify(found));
