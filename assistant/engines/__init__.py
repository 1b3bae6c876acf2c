"""Models that run on this computer, all behind one LangChain chat model: `LocalChatModel`."""
